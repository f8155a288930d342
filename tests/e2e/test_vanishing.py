"""Clients that go away in the middle of an answer or of a request: the engine lets go of everything."""

from __future__ import annotations

import io
import json
import operator
import tarfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio.abc import ByteStream

from engine.client import EngineClient
from tests.e2e.kernel import engine_pids
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]

TIMES = 5
JSON = "Content-Type: application/json\r\n"
UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"


def request(method: str, path: str, body: bytes = b"", headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {size}\r\n\r\n".encode() + body


def context() -> bytes:
    """A build that takes longer than its client's patience."""
    dockerfile = b"FROM busybox\nRUN sleep 600\n"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile))
    return archive.getvalue()


# What is asked, and what has to have come before the client goes.
STREAMS = {
    "events": (request("GET", "/events"), b"\r\n\r\n"),
    "logs": (request("GET", "/containers/talker/logs?stdout=1&follow=1"), b"tick"),
    "stats": (request("GET", "/containers/talker/stats"), b"cpu_stats"),
    "attach": (request("POST", "/containers/talker/attach?stream=1&stdout=1&stdin=1", headers=UPGRADE), b"tick"),
    "attach without upgrade": (request("POST", "/containers/talker/attach?stream=1&stdout=1"), b"tick"),
    "wait": (request("POST", "/containers/talker/wait"), b"\r\n\r\n"),
    "archive": (request("GET", "/containers/talker/archive?path=/"), b"ustar"),
    "export": (request("GET", "/containers/talker/export"), b"ustar"),
    "save": (request("GET", "/images/busybox/get"), b"\r\n\r\n"),
    "build": (request("POST", "/build", context(), "Content-Type: application/x-tar\r\n"), b"Running in"),
    "half a context": (request("POST", "/build", context()[:600], "", 100_000), b""),
    "half an archive": (request("PUT", "/containers/talker/archive?path=/tmp", b"x" * 100, "", 100_000), b""),
    "half a load": (request("POST", "/images/load", b"x" * 100, "", 100_000), b""),
    "half an import": (request("POST", "/images/create?fromSrc=-", context()[:600], "", 100_000), b""),
    "half a body": (request("POST", "/containers/create", b'{"Ima', JSON, 100), b""),
    "half a head": (b"GET /events HTTP/1.1\r\nHo", b""),
}


class Holdings:
    """What the engine has open, by its own word and by the kernel's."""

    def __init__(self, machine: Machine, client: EngineClient) -> None:
        (pid,) = engine_pids(machine.paths)
        self._descriptors = Path(f"/proc/{pid}/fd")
        self._client = client

    async def count(self) -> tuple[int, int, int]:
        """Tasks, listeners, descriptors: with the one connection that asks."""
        info = await self._client.info()
        return info.n_goroutines, info.n_events_listener, len(list(self._descriptors.iterdir()))

    async def become(self, wanted: tuple[int, int, int]) -> None:
        """Wait until there is no more than this."""
        found = await self.count()
        with anyio.move_on_after(60) as patience:
            # Nobody is told when the engine has noticed: ask it again, which takes its time.
            while any(map(operator.gt, found, wanted)):
                found = await self.count()
        assert not patience.cancelled_caught, f"tasks, listeners, descriptors: {found}, before {wanted}"


@pytest.fixture(scope="module")
def talking(machine: Machine) -> Iterator[Machine]:
    machine.docker("pull", "-q", "busybox")
    machine.docker("run", "-d", "-i", "--name", "talker", "busybox", "sh", "-c", "while sleep 0.05; do echo tick; done")
    yield machine
    machine.docker("rm", "-f", "talker")


@pytest.mark.parametrize("stream", STREAMS)
async def test_nothing_is_kept_for_a_client_that_has_gone(talking: Machine, stream: str) -> None:
    sent, mark = STREAMS[stream]
    async with EngineClient(talking.address) as client:
        holdings = Holdings(talking, client)
        await vanish(talking.paths.socket, sent, mark)  # what the first of a kind leaves may stay: caches, threads
        before = await settled(holdings)
        async with anyio.create_task_group() as tasks:
            for _ in range(TIMES):
                tasks.start_soon(vanish, talking.paths.socket, sent, mark)
        await holdings.become(before)
        assert json.loads(await client.call("GET", "/containers/json"))[0]["Names"] == ["/talker"]


async def settled(holdings: Holdings) -> tuple[int, int, int]:
    """The smallest numbers of a while."""
    found = [await holdings.count()]
    with anyio.move_on_after(1.5):
        while True:
            found.append(await holdings.count())
    return min(found)


async def vanish(socket: Path, sent: bytes, mark: bytes) -> None:
    """Ask, read until it has begun, and go without a word."""
    with anyio.fail_after(60):
        stream = await anyio.connect_unix(socket)
        try:
            await stream.send(sent)
            await receive_through(stream, mark)
        finally:
            await anyio.aclose_forcefully(stream)


async def receive_through(stream: ByteStream, mark: bytes) -> None:
    data = b""
    while mark not in data:
        data = data[-100:] + await stream.receive()
