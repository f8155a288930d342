"""A registry that only takes blobs, and remembers uploads that were cut (docker-registry forgets them)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.fakes.http import serving


@dataclass
class UploadRegistry:
    """`blobs` by digest; `upload` is what has come of the only upload there is; `content_ranges` as they came."""

    host: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    upload: bytearray = field(default_factory=bytearray)
    content_ranges: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    receiving: threading.Lock = field(default_factory=threading.Lock)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: UploadRegistry

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(200 if self.path.rpartition("/")[2] in self.registry.blobs else 404)

    def do_GET(self) -> None:
        with self.registry.receiving:  # what was sent before a cut has arrived when its sender asks
            self._answer(200 if self.path == "/v2/" else 204)

    def do_POST(self) -> None:
        self.registry.upload.clear()
        self._answer(202)

    def do_PATCH(self) -> None:
        if wanted := self.headers.get("Content-Range"):
            self.registry.content_ranges.append(wanted)
            if int(wanted.partition("-")[0]) != len(self.registry.upload):
                self._answer(416)
                return
        self._receive()
        self._answer(202)

    def do_PUT(self) -> None:
        self._receive()
        digest = parse_qs(urlsplit(self.path).query)["digest"][0]
        content = bytes(self.registry.upload)
        if digest != "sha256:" + hashlib.sha256(content).hexdigest():
            self._answer(400)
            return
        self.registry.blobs[digest] = content
        self._answer(201)

    def _receive(self) -> None:
        with self.registry.receiving:
            self._receive_alone()

    def _receive_alone(self) -> None:
        self.registry.authorizations.append(self.headers.get("Authorization"))
        upload = self.registry.upload
        if "Transfer-Encoding" in self.headers:
            while size := int(self.rfile.readline().strip() or b"0", 16):
                upload += self.rfile.read(size)
                self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left and (piece := self.rfile.read1(left)):
            left -= len(piece)
            upload += piece

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Location", "/v2/app/blobs/uploads/1?x=y")
        self.send_header("Range", f"0-{max(len(self.registry.upload) - 1, 0)}")
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serve_upload_registry() -> Iterator[UploadRegistry]:
    """Serve one on loopback while the block lasts."""
    registry = UploadRegistry()
    with serving(type("Handler", (_Handler,), {"registry": registry})) as registry.host:
        yield registry
