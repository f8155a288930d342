"""Containers from their creation to their removal. `service.ContainerService` is the door."""
