"""Contract files: the JSON Schemas of every record, and their changes since the last release."""
