"""Jobs, schedules and sensors: when things run. Not here: what runs (assets) or whether it is good (checks)."""
