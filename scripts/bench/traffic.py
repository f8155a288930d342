"""Both ends of a connection, each a process in a network namespace of its own: who serves, and who measures.

    python -m scripts.bench.traffic NAMESPACE serve PORT     TCP and UDP; prints a line once it listens
    python -m scripts.bench.traffic NAMESPACE ask ADDRESS    a verb and a port per line of input, a line for each

NAMESPACE is a file as /proc/PID/ns/net. A line is JSON, `[count, seconds, processor seconds of both ends]`. The verbs:

    stream    one TCP stream, whose count is bytes; each end has a processor of its own
    rounds    one byte there and back over TCP; both ends share a processor, so that nothing but what a packet costs
              decides (two would wait for each other's interrupts, longer or shorter as the machine likes)
    datagrams the same over UDP
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.kernel.namespaces import CLONE_NEWNET, setns

SLICE_SECONDS = 0.15
_BLOCK = 1 << 18
_STREAM, _ROUNDS = b"s", b"r"
_COST = b"?"
# What the server says at the end: bytes that it got, and nanoseconds of processor time that it has used.
_SUMMARY = struct.Struct(">QQ")
_CPUS = sorted(os.sched_getaffinity(0))


def main() -> None:
    """Do what the command line asks for."""
    namespace, verb, *rest = sys.argv[1:]
    with Path(namespace).open("rb") as file:
        setns(file.fileno(), CLONE_NEWNET)
    if verb == "serve":
        serve(int(rest[0]))
        return
    for line in sys.stdin:
        verb, port = line.split()
        print(json.dumps(VERBS[verb]((rest[0], int(port)))), flush=True)


def serve(port: int) -> None:
    """Take what comes, or send it back, as the first byte of a connection asks, until the input ends."""
    with socket.create_server(("0.0.0.0", port)) as listener, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("0.0.0.0", port))
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        threading.Thread(target=_echo_datagrams, args=(datagrams,), daemon=True).start()
        print("listening", flush=True)
        sys.stdin.read()


def _accept(listener: socket.socket) -> None:
    os.sched_setaffinity(0, _CPUS[:1])
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            began = time.thread_time_ns()
            total = _count(connection) if connection.recv(1) == _STREAM else _echo(connection)
            # At the end: what is still on its way has not arrived.
            connection.sendall(_SUMMARY.pack(total, time.thread_time_ns() - began))


def _count(connection: socket.socket) -> int:
    total = 0
    with _fresh_pages() as block:
        while received := connection.recv_into(block):
            total += received
    return total


def _fresh_pages() -> mmap.mmap:
    """A block of memory that no moment before has used.

    Which pages a block has decides how they share the processor's cache, and so up to half of the speed: a process
    that kept its block would be lucky, or not, for as long as it lives.
    """
    block = mmap.mmap(-1, _BLOCK)
    block.write(os.urandom(_BLOCK))
    return block


def _echo(connection: socket.socket) -> int:
    total = 0
    while heard := connection.recv(1):
        connection.sendall(heard)
        total += 1
    return total


def _echo_datagrams(datagrams: socket.socket) -> None:
    os.sched_setaffinity(0, _CPUS[:1])
    while True:
        heard, asker = datagrams.recvfrom(16)
        datagrams.sendto(_SUMMARY.pack(0, time.thread_time_ns()) if heard == _COST else heard, asker)


def measure_stream(server: tuple[str, int]) -> tuple[int, float, float]:
    """Send for a while."""

    def send(connection: socket.socket, until: float) -> None:
        with _fresh_pages() as block:
            while time.perf_counter() < until:
                connection.sendall(block)

    return _over_tcp(server, _STREAM, _CPUS[-1], send)


def measure_rounds(server: tuple[str, int]) -> tuple[int, float, float]:
    """Send a byte and wait for it, again and again."""
    return _over_tcp(server, _ROUNDS, _CPUS[0], _go_round)


def measure_datagrams(server: tuple[str, int]) -> tuple[int, float, float]:
    """Send a datagram and wait for it, again and again; nothing is lost on the way, which never leaves the machine."""
    os.sched_setaffinity(0, _CPUS[:1])
    with socket.socket(type=socket.SOCK_DGRAM) as connection:
        connection.settimeout(30)
        connection.connect(server)
        connection.send(_COST)
        _, before = _SUMMARY.unpack(connection.recv(_SUMMARY.size))
        connection.setblocking(True)
        began, own = time.perf_counter(), time.thread_time()
        count = _go_round(connection, began + SLICE_SECONDS)
        seconds, own = time.perf_counter() - began, time.thread_time() - own
        connection.send(_COST)
        _, after = _SUMMARY.unpack(connection.recv(_SUMMARY.size))
    return count, seconds, own + (after - before) / 1e9


VERBS: dict[str, Callable[[tuple[str, int]], tuple[int, float, float]]] = {
    "stream": measure_stream,
    "rounds": measure_rounds,
    "datagrams": measure_datagrams,
}


def _over_tcp(
    server: tuple[str, int], kind: bytes, cpu: int, talk: Callable[[socket.socket, float], object]
) -> tuple[int, float, float]:
    os.sched_setaffinity(0, {cpu})
    with socket.create_connection(server, timeout=30) as connection:
        connection.setblocking(True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(kind)
        began, own = time.perf_counter(), time.thread_time()
        talk(connection, began + SLICE_SECONDS)
        connection.shutdown(socket.SHUT_WR)
        total, theirs = _SUMMARY.unpack(connection.recv(_SUMMARY.size, socket.MSG_WAITALL))
        return total, time.perf_counter() - began, time.thread_time() - own + theirs / 1e9


def _go_round(connection: socket.socket, until: float) -> int:
    count = 0
    while time.perf_counter() < until:
        connection.send(b"x")
        connection.recv(1)
        count += 1
    return count


if __name__ == "__main__":
    main()
