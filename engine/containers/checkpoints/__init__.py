"""Checkpoints of containers (`docker checkpoint`): taking, keeping and restoring them."""
