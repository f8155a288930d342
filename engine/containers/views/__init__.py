"""Containers as the API shows them."""
