"""What becomes of a container: starts, stops, ends, restarts, probes, changes and its removal."""
