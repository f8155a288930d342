"""What outlives the engine: records in SQLite, files that are whole or not there, and where all of it is."""
