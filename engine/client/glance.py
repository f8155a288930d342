"""A few lists of an engine on a unix socket, read without an event loop.

Importing one takes several times as long as the engine's answers, and commands that only print a list, or find that
nothing is to be done, need no more than these. HTTP/1.0, where an answer ends with its connection: every request has a
connection of its own, and all are sent before the first answer is read.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from engine.client.answers import error_message
from engine.client.errors import ApiError, EngineUnreachable
from engine.wire.http import READ_BYTES

_HEAD_END: Final = b"\r\n\r\n"
_STATUS_LINE: Final = re.compile(r"HTTP/1\.[01] ([0-9]{3})")
_STATUS_OK: Final = 200


def glance(path: Path, targets: Sequence[str], headers: Sequence[tuple[str, str]] = ()) -> list[bytes]:
    """The bodies of the answers to GETs of `targets` (as `format_target` makes them, without a version), in order.

    Raises `ApiError` when the engine says no to one of them and `EngineUnreachable` when nobody answers.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in (("Host", "docker"), *headers))
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) for _ in targets]
        try:
            for connection, target in zip(connections, targets, strict=True):
                connection.connect(str(path))
                connection.sendall(f"GET {target} HTTP/1.0\r\n{lines}\r\n".encode())
            return [_body(path, connection) for connection in connections]
        except OSError as exc:
            raise EngineUnreachable(f"unix://{path}", exc.strerror or str(exc)) from exc


def _body(path: Path, connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    while part := connection.recv(READ_BYTES):
        parts.append(part)
    head, _, body = b"".join(parts).partition(_HEAD_END)
    first, *fields = head.decode("latin-1").split("\r\n")
    found = _STATUS_LINE.match(first)
    if found is None:
        raise EngineUnreachable(f"unix://{path}", "it closed the connection without an answer, or speaks no HTTP")
    length = next((value for name, _, value in (line.partition(":") for line in fields) if _is_length(name)), "")
    if length and length.strip() != str(len(body)):
        raise EngineUnreachable(f"unix://{path}", "the answer broke off")
    if (status := int(found[1])) != _STATUS_OK:
        raise ApiError(status, error_message(body, status))
    return body


def _is_length(name: str) -> bool:
    return name.strip().lower() == "content-length"
