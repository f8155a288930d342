"""Compose files to a project, in stages; `pipeline` runs them. Every mistake is reported, at its line."""
