"""The engine's side of a project: look at it, carry out a plan, follow what it says.

Talks to the engine through `engine.client` only, so every Docker-compatible engine will do.
"""
