"""A reverse proxy before a real registry, which spoils what it is told to: answers and uploads."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.fakes.http import serving

_CHUNK = 64 * 1024
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass
class Trouble:
    """What happens to the next `times` requests of a method whose path matches.

    `status` answers at once; `cut_after` breaks an answer's body off, `cut_upload_after` a request's; `length` lies
    about an answer's length; `between_pieces` is called before each piece of it.
    """

    pattern: str
    method: str = "GET"
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int = -1
    cut_upload_after: int = -1
    replace: Callable[[bytes], bytes] | None = None
    length: int = -1
    between_pieces: Callable[[], None] | None = None
    loses_answer: bool = False


@dataclass
class FaultyProxy:
    """`troubles` are looked through in order; `asked` counts requests by method and path."""

    upstream: str
    url: str = ""
    troubles: list[Trouble] = field(default_factory=list)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    knows_ranges: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def count(self, method: str, pattern: str) -> int:
        """How many requests of a method there were for paths that match."""
        return sum(n for (verb, path), n in self.asked.items() if verb == method and re.search(pattern, path))

    def trouble_for(self, method: str, path: str) -> Trouble | None:
        with self.lock:
            self.asked[method, path.partition("?")[0]] += 1
            for trouble in self.troubles:
                if trouble.times and trouble.method == method and re.search(trouble.pattern, path):
                    trouble.times -= 1
                    return trouble
        return None


class _Cut(Exception):
    """The client's connection is to be broken off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        trouble = self.proxy.trouble_for(self.command, self.path) or Trouble("")
        if wanted := self.headers.get("Range"):
            self.proxy.ranges.append(wanted)
        try:
            if trouble.status:
                self._answer_at_once(trouble)
            else:
                self._relay(trouble)
        except (_Cut, OSError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

    def _answer_at_once(self, trouble: Trouble) -> None:
        for _ in self._body(-1):
            continue
        self.send_response(trouble.status)
        for name, value in trouble.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _relay(self, trouble: Trouble) -> None:
        connection = http.client.HTTPConnection(self.proxy.upstream, timeout=30)
        try:
            # The client's own Host, so that the registry's `Location` leads back to us.
            dropped = _HOP if self.proxy.knows_ranges else _HOP | {"range"}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
            if length := self.headers.get("Content-Length"):
                headers["Content-Length"] = length
            body = self._body(trouble.cut_upload_after) if self._has_body() else None
            try:
                connection.request(self.command, self.path, body, headers, encode_chunked=body is not None)
            except _Cut:
                _hang_up(connection)
                raise
            response = connection.getresponse()
            if trouble.loses_answer:
                response.read()
                raise _Cut
            self._answer(response, trouble)
        finally:
            connection.close()

    def _answer(self, response: http.client.HTTPResponse, trouble: Trouble) -> None:
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        whole = trouble.replace(response.read()) if trouble.replace else None
        announced = trouble.length if trouble.length >= 0 else response.headers.get("Content-Length")
        if whole is not None:
            announced = len(whole)
        if announced is not None:
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        if self.command != "HEAD":
            self._send_body([whole] if whole is not None else iter(lambda: response.read(_CHUNK), b""), trouble)

    def _send_body(self, pieces: object, trouble: Trouble) -> None:
        sent = 0
        for piece in pieces:  # type: ignore[attr-defined]  # a list or an iterator of bytes
            if trouble.between_pieces:
                trouble.between_pieces()
            if 0 <= trouble.cut_after <= sent + len(piece):
                self.wfile.write(piece[: trouble.cut_after - sent])
                self.wfile.flush()
                raise _Cut
            self.wfile.write(piece)
            sent += len(piece)
        if trouble.length > sent:
            raise _Cut

    def _has_body(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "") or "Content-Length" in self.headers

    def _body(self, cut_after: int) -> Iterator[bytes]:
        done = 0
        for piece in self._chunked() if "Transfer-Encoding" in self.headers else self._counted():
            if 0 <= cut_after <= done + len(piece):
                yield piece[: cut_after - done]
                raise _Cut
            yield piece
            done += len(piece)

    def _counted(self) -> Iterator[bytes]:
        left = int(self.headers.get("Content-Length") or 0)
        while left and (piece := self.rfile.read(min(left, _CHUNK))):
            left -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """End a request in its middle, and wait until the registry has noticed: only then may the client ask again."""
    with suppress(OSError):
        connection.sock.shutdown(socket.SHUT_WR)
        while connection.sock.recv(_CHUNK):
            continue


@contextmanager
def serve_faulty_proxy(upstream: str) -> Iterator[FaultyProxy]:
    """Serve a proxy before the registry at `upstream` (`host:port`) while the block lasts."""
    proxy = FaultyProxy(upstream)
    with serving(type("Handler", (_Handler,), {"proxy": proxy})) as host:
        proxy.url = f"http://{host}"
        yield proxy
