"""Both ends of a TCP connection, each a process in a network namespace of its own: who serves, and who measures.

    python -m scripts.bench.traffic NAMESPACE serve PORT             prints a line once it listens
    python -m scripts.bench.traffic NAMESPACE stream ADDRESS PORT    prints bytes per second
    python -m scripts.bench.traffic NAMESPACE rounds ADDRESS PORT    prints round trips per second

NAMESPACE is a file as /proc/PID/ns/net.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path

from engine.kernel.namespaces import CLONE_NEWNET, setns

_SECONDS = 2.0
_BLOCK = 1 << 18
_STREAM, _ROUNDS = b"s", b"r"


def main() -> None:
    """Do what the command line asks for."""
    namespace, verb, *rest = sys.argv[1:]
    with Path(namespace).open("rb") as file:
        setns(file.fileno(), CLONE_NEWNET)
    if verb == "serve":
        serve(int(rest[0]))
    else:
        print(round(measure(verb, rest[0], int(rest[1]))), flush=True)


def serve(port: int) -> None:
    """Take what comes, or send it back, as the first byte of a connection asks, until the input ends."""
    with socket.create_server(("0.0.0.0", port)) as listener:
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        print("listening", flush=True)
        sys.stdin.read()


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            block = bytearray(_BLOCK)
            if connection.recv(1) == _STREAM:
                _count(connection, block)
                continue
            while heard := connection.recv(1):
                connection.sendall(heard)


def _count(connection: socket.socket, block: bytearray) -> None:
    """Say at the end how much came: what is still on its way has not arrived."""
    total = 0
    while received := connection.recv_into(block):
        total += received
    connection.sendall(total.to_bytes(8, "big"))


def measure(verb: str, address: str, port: int) -> float:
    """Bytes, or round trips, per second."""
    with socket.create_connection((address, port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_STREAM if verb == "stream" else _ROUNDS)
        began = time.perf_counter()
        count = _send(connection, began) if verb == "stream" else _go_round(connection, began)
        return count / (time.perf_counter() - began)


def _send(connection: socket.socket, began: float) -> int:
    block = os.urandom(_BLOCK)
    while time.perf_counter() - began < _SECONDS:
        connection.sendall(block)
    connection.shutdown(socket.SHUT_WR)
    return int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")


def _go_round(connection: socket.socket, began: float) -> int:
    count = 0
    while time.perf_counter() - began < _SECONDS:
        connection.sendall(b"x")
        connection.recv(1)
        count += 1
    return count


if __name__ == "__main__":
    main()
