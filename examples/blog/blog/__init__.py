"""A blog: posts in SQLite, pages from templates."""
