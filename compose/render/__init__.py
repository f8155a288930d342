"""What the user sees, as text: progress, tables, JSON, log lines, errors. Writes only to what it is given."""
