"""What a container may ask for: refused in Docker's words, or given up with a warning. Pure."""
