"""What goes in and out of a container while it runs: attaching, further processes, logs."""
