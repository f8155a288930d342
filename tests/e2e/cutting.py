"""A door to an engine that tells of every request before the engine sees it: there its client can be cut off."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.machine import Completed, Machine, pycompose_command

_REQUEST = re.compile(rb"(GET|POST|PUT|DELETE|HEAD) \S+ HTTP/1\.1\r\n")
_CHUNK = 64 * 1024
_TIMEOUT_SECONDS = 60


@dataclass
class _Relay:
    """Takes bytes to an engine and back; `on_request` is called with the first line of each request."""

    engine: Path
    on_request: Callable[[bytes], None]

    def serve(self, listener: socket.socket) -> None:
        """Accept until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self.engine))
            back = threading.Thread(target=_copy, args=(engine, client), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(_CHUNK):
                    for found in _REQUEST.finditer(data):
                        self.on_request(found.group())
                    engine.sendall(data)
                engine.shutdown(socket.SHUT_WR)
            back.join()


@dataclass
class Cutter:
    """Counts a client's requests over all its connections. The client is known once it runs."""

    at: int
    signal: signal.Signals
    pid: int = 0
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_known: threading.Event = field(default_factory=threading.Event)

    @property
    def has_cut(self) -> bool:
        return self.requests >= self.at

    def count(self, _: bytes) -> None:
        with self.lock:
            self.requests += 1
            is_due = self.requests == self.at
        if is_due:
            self.is_known.wait()
            with suppress(ProcessLookupError):
                os.kill(self.pid, self.signal)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def door(machine: Machine, on_request: Callable[[bytes], None]) -> Iterator[str]:
    """Another address of a machine's engine: whoever comes in there is listened to."""
    relay = _Relay(machine.paths.socket, on_request)
    place = machine.paths.root.parent / "cut.sock"
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(100)
        serving = threading.Thread(target=relay.serve, args=(listener,), daemon=True)
        serving.start()
        try:
            yield f"unix://{place}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # close() alone does not wake who accepts


def run_cut(
    machine: Machine, arguments: Sequence[str], *, cwd: Path, at: int, by: signal.Signals, **variables: str
) -> tuple[Completed, bool]:
    """Run our command line until its request number `at`, then signal it; whether it came that far."""
    cutter = Cutter(at, by)
    with door(machine, cutter.count) as address:
        command = [*pycompose_command(), *arguments]
        environment = {**machine.environment, "DOCKER_HOST": address, **variables}
        with subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as client:
            cutter.pid = client.pid
            cutter.is_known.set()
            try:
                out, err = client.communicate(timeout=_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                client.kill()
                raise
    return Completed(command, client.returncode, out, err), cutter.has_cut
