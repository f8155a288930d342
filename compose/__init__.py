"""The client: Compose files to a project, the project to a plan, and the plan carried out by an engine."""
