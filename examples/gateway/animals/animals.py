"""Says what its argument says, and which container said it."""

from __future__ import annotations

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Animal(BaseHTTPRequestHandler):
    """The same answer to everything."""

    def do_GET(self) -> None:
        body = f"{sys.argv[1]} from {socket.gethostname()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("", 8000), Animal).serve_forever()
