"""A plan and its course as people and programs are told of it."""
