"""What single instructions do, and how their layers are made."""
