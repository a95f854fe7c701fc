"""What answers cost: counting it, keeping records of it that many processes share, and holding a budget."""
