"""What the client of a build offers the engine: files, secrets, agents, credentials."""
