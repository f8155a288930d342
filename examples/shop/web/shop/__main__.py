"""Serve the shop on port 8000: products from PostgreSQL, a visitor count from Redis."""

from __future__ import annotations

import html
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from shop import cache, database

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
    rows = query("SELECT name, cents FROM products ORDER BY name")
    products = "\n".join(f"<li>{html.escape(name)}: {int(cents) / 100:.2f}</li>" for name, cents in rows)
    visits = cache.command(os.environ["CACHE_HOST"], "INCR", "visits")
    return PAGE.format(name=html.escape(os.environ["SHOP_NAME"]), products=products, visits=visits).encode()


def health() -> bytes:
    """Ask both neighbours for something small; raises `OSError` if one does not answer."""
    query("SELECT 1")
    cache.command(os.environ["CACHE_HOST"], "PING")
    return b"ok\n"


def query(sql: str) -> list[list[str]]:
    """Run one query with the credentials of the environment."""
    password = Path(os.environ["DATABASE_PASSWORD_FILE"]).read_text().strip()
    with database.connect(
        os.environ["DATABASE_HOST"], os.environ["DATABASE_USER"], os.environ["DATABASE_NAME"], password
    ) as connection:
        return connection.query(sql)


def main() -> None:
    """Serve until SIGTERM."""
    # The kernel gives the first process of a container no default handlers: without this one, SIGTERM does nothing.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("open for business on port 8000")
    ThreadingHTTPServer(("", 8000), Shop).serve_forever()


main()
