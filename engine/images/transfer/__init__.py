"""Images on their way from registries and to them."""
