"""What is wrong, said with its place and what to do about it."""
