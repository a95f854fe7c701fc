"""What people see in a terminal: progress bars, tables, the doctor. Not here: commands (cli/) or data."""
