"""Serve the shop on port 8000: products from PostgreSQL, a visitor count from Redis."""

from __future__ import annotations

import html
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from shop import cache, database
from shop.kept import Kept

PAGE = """<!DOCTYPE html>
<title>{name}</title>
<h1>{name}</h1>
<ul>
{products}
</ul>
<p>You are visitor number {visits}.</p>
"""


class Shop(BaseHTTPRequestHandler):
    """Answers `/` with the shop window and `/health` once both neighbours answer."""

    def do_GET(self) -> None:
        if self.path not in ("/", "/health"):
            self.send_error(404)
            return
        try:
            body = shop_window() if self.path == "/" else health()
        except OSError as error:
            self.send_error(503, explain=str(error))
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def shop_window() -> bytes:
    """The page that customers see."""
    rows = DATABASE.use(lambda connection: connection.query("SELECT name, cents FROM products ORDER BY name"))
    products = "\n".join(f"<li>{html.escape(name)}: {int(cents) / 100:.2f}</li>" for name, cents in rows)
    visits = CACHE.use(lambda connection: connection.command("INCR", "visits"))
    return PAGE.format(name=html.escape(os.environ["SHOP_NAME"]), products=products, visits=visits).encode()


def health() -> bytes:
    """Ask both neighbours for something small; raises `OSError` if one does not answer."""
    DATABASE.use(lambda connection: connection.query("SELECT 1"))
    CACHE.use(lambda connection: connection.command("PING"))
    return b"ok\n"


def connect_to_database() -> database.Connection:
    """Open a connection with the credentials of the environment."""
    password = Path(os.environ["DATABASE_PASSWORD_FILE"]).read_text().strip()
    return database.Connection(
        os.environ["DATABASE_HOST"], os.environ["DATABASE_USER"], os.environ["DATABASE_NAME"], password
    )


DATABASE = Kept(connect_to_database)
CACHE = Kept(lambda: cache.Connection(os.environ["CACHE_HOST"]))


def main() -> None:
    """Serve until SIGTERM."""
    # The kernel gives the first process of a container no default handlers: without this one, SIGTERM does nothing.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("open for business on port 8000")
    ThreadingHTTPServer(("", 8000), Shop).serve_forever()


main()
