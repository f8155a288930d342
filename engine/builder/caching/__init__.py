"""A build's cache outside this engine: read from and written to registries and directories, as images."""
