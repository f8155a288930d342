"""How words of a command line become options: spelling, mistakes, and what all commands have in common."""
