"""Builds images: a Dockerfile and a context become layers and a config."""
