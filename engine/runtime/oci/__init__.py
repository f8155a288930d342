"""What an OCI runtime is told of a container: its spec, from plain data."""
