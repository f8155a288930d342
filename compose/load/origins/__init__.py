"""Where the values of a loaded project come from."""
