"""From what exists and what is wished to the steps between them. Pure."""
