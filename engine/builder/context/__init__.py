"""The files that a build starts from: as they come, as trees to copy from, and those that are elsewhere."""
