"""A service's build: what is sent, and what is heard of it."""
