"""What is in the files: bytes, YAML, variable files, variables in texts."""
