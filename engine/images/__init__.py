"""Images: pulling them, their names, what depends on them, and their removal."""
