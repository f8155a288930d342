"""What happened, told to everyone who listens, with a memory for those who come late."""
