"""BuildKit's API on the engine's own builder, as buildx speaks it."""
