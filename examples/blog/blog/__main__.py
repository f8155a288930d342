"""Serve the blog on port 8000.

GET  /            all posts            GET /posts/NAME   one of them
POST /posts/NAME  {"headline": …, "body": …}, with `Authorization: Bearer TOKEN`, writes one
"""

from __future__ import annotations

import hmac
import html
import json
import os
import signal
import sqlite3
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

from blog import store

TEMPLATES = Path(__file__).with_name("templates")
TOKEN = Path("/run/secrets/editor")
TITLE = os.environ["BLOG_TITLE"]


class Blog(BaseHTTPRequestHandler):
    """Pages for readers, and one request for the editor."""

    def do_GET(self) -> None:
        match self.path.split("/")[1:]:
            case [""]:
                self.show(store.newest())
            case ["posts", slug]:
                self.show(store.post(slug))
            case ["health"]:
                self.answer(200, "ok\n")
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, b"Bearer " + TOKEN.read_bytes().strip()):
            self.send_error(401)
            return
        try:
            post = json.loads(body)
            store.write(self.path.removeprefix("/posts/"), post["headline"], post["body"])
        except (KeyError, TypeError, ValueError) as error:
            self.send_error(400, explain=repr(error))
            return
        self.answer(201, "written\n")

    def show(self, posts: list[sqlite3.Row]) -> None:
        """A page with these posts, of which there should be one."""
        if not posts:
            self.send_error(404)
            return
        content = "".join(fill("post.html", **post) for post in posts)
        page = template("page.html").substitute(title=html.escape(TITLE), content=content)
        self.answer(200, page, "text/html; charset=utf-8")

    def answer(self, status: int, text: str, kind: str = "text/plain") -> None:
        """Send a whole answer."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def fill(name: str, **values: str) -> str:
    """A template with these values, which are text and no HTML."""
    return template(name).substitute({key: html.escape(value) for key, value in values.items()})


def template(name: str) -> Template:
    """A template as it was first read or, while somebody works on it, as it is now."""
    return _read(name) if "BLOG_RELOADS" in os.environ else _kept(name)


def _read(name: str) -> Template:
    return Template((TEMPLATES / name).read_text())


_kept = cache(_read)

# The kernel gives the first process of a container no default handlers: without this one, SIGTERM does nothing.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", 8000), Blog).serve_forever()
