"""The daemon: a container engine that answers the Docker Engine API."""
