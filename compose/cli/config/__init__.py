"""What `config` prints besides the project."""
