"""`run`, `exec` and `attach`: our terminal joined to a process in a container."""
