"""Files, services and projects laid over one another: `extends`, `include`, merging."""
