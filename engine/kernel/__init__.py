"""The few system calls that Python does not wrap. Blocking; callers on the event loop go through a thread."""
