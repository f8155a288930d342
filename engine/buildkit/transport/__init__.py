"""gRPC over a taken-over connection: HTTP/2 streams, and calls on them in either direction."""
