"""The one canonical form of every attribute, out of the short and long ones."""
