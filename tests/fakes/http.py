"""HTTP servers of this process, for the fakes that speak it."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The 5 of the standard library overflow when a crowd comes to a busy machine: then the kernel drops who wants to
    # connect, who tries again after 1, 3, 7 and 15 seconds.
    request_queue_size = 1024

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up, or try TLS first, are what tests are about; all else is a mistake of the fake."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on loopback while the block lasts; yields the host, `127.0.0.1:PORT`."""
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        with suppress(OSError):
            server.server_close()
