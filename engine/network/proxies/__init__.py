"""Passing on what the kernel's address translation cannot."""
