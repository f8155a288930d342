"""A door to an engine that signals its client at the N-th request: before the engine sees it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.machine import Completed, Machine, pycompose_command

_REQUEST = re.compile(rb"(GET|POST|PUT|DELETE|HEAD) \S+ HTTP/1\.1\r\n")
_CHUNK = 64 * 1024
_TIMEOUT_SECONDS = 60


@dataclass
class Cutter:
    """Counts a client's requests over all its connections. The client is known once it runs."""

    engine: Path
    at: int
    signal: signal.Signals
    pid: int = 0
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_known: threading.Event = field(default_factory=threading.Event)

    @property
    def has_cut(self) -> bool:
        return self.requests >= self.at

    def serve(self, door: socket.socket) -> None:
        """Accept until the door is closed."""
        with suppress(OSError):
            while True:
                client, _ = door.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as engine:
            engine.connect(str(self.engine))
            back = threading.Thread(target=_copy, args=(engine, client), daemon=True)
            back.start()
            with suppress(OSError):
                while data := client.recv(_CHUNK):
                    self._count(data)
                    engine.sendall(data)
                engine.shutdown(socket.SHUT_WR)
            back.join()

    def _count(self, data: bytes) -> None:
        for _ in _REQUEST.finditer(data):
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
def _door(home: Path, cutter: Cutter) -> Iterator[str]:
    place = home / "cut.sock"
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(place))
        door.listen(100)
        serving = threading.Thread(target=cutter.serve, args=(door,), daemon=True)
        serving.start()
        try:
            yield f"unix://{place}"
        finally:
            door.shutdown(socket.SHUT_RDWR)  # close() alone does not wake who accepts


def run_cut(
    machine: Machine, arguments: Sequence[str], *, cwd: Path, at: int, by: signal.Signals, **variables: str
) -> tuple[Completed, bool]:
    """Run our command line until its request number `at`, then signal it; whether it came that far."""
    cutter = Cutter(machine.paths.socket, at, by)
    with _door(machine.paths.root.parent, cutter) as address:
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
