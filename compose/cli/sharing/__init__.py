"""What leaves this machine: `publish`, `push` and `bridge`."""
