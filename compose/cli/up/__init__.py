"""What `up` is asked to do and does, in the background and in the foreground, and its plans."""
