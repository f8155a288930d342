"""`pycompose-engine dial-stdio`: the engine's socket on stdin and stdout, for clients that come through ssh."""

from __future__ import annotations

import os
import select
import socket
from pathlib import Path
from typing import Final

from engine.errors import Unavailable

_CHUNK: Final = 64 * 1024


def dial_stdio(path: Path, incoming: int, outgoing: int) -> None:
    """Carry bytes to and fro until the engine closes. The client's end of input is passed on; output goes on after it.

    Blocks. Raises `Unavailable` if nobody answers.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
        try:
            engine.connect(str(path))
        except OSError as exc:
            raise Unavailable(
                f"cannot talk to the engine at {path}: {exc.strerror}", hint="start it with pycompose-engine serve"
            ) from exc
        ready = select.poll()
        ready.register(incoming, select.POLLIN)
        ready.register(engine.fileno(), select.POLLIN)
        _carry(engine, incoming, outgoing, ready)


def _carry(engine: socket.socket, incoming: int, outgoing: int, ready: select.poll) -> None:
    while True:
        for descriptor, _ in ready.poll():
            if descriptor == incoming:
                if data := os.read(incoming, _CHUNK):
                    engine.sendall(data)
                else:
                    ready.unregister(incoming)
                    engine.shutdown(socket.SHUT_WR)
            elif data := engine.recv(_CHUNK):
                _write(outgoing, data)
            else:
                return


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
