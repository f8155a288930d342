"""The Docker Engine API over sockets: the server, its routes, streams and hijacked connections."""
