"""Compose applications as OCI artifacts: what they are made of, where they are kept, what must not get into them."""
