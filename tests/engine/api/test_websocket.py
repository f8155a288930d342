"""`attach/ws`, by a real WebSocket client's protocol machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import ByteStream
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage

from engine.wire.containers import ContainerCreateRequest
from tests.fakes.container import FakeConsole
from tests.fakes.serving import served

pytestmark = pytest.mark.anyio

REQUEST = ContainerCreateRequest(image="busybox", open_stdin=True, attach_stdin=True, attach_stdout=True)
ALL = "stream=1&stdin=1&stdout=1&stderr=1"


class Client:
    """A WebSocket over a unix socket."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []

    async def send(self, event: Event) -> None:
        await self._stream.send(self._protocol.send(event))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def next(self) -> Event:
        while not self._events:
            self._protocol.receive_data(await self._stream.receive())
            self._events += self._protocol.events()
        return self._events.pop(0)


@asynccontextmanager
async def attached(
    directory: Path, *, version: str = "/v1.47", query: str = ALL
) -> AsyncIterator[tuple[Client, FakeConsole]]:
    """A running container `web`, and a client whose handshake was accepted."""
    async with served(directory) as server:
        server.engine.containers.script = []
        await server.engine.containers.create("web", REQUEST)
        await server.engine.containers.start("web")
        console = server.engine.containers.find("web").console
        assert console is not None
        console.echoes = False
        with anyio.fail_after(60):
            async with await anyio.connect_unix(server.socket) as stream:
                client = Client(stream)
                await client.send(Request(host="x", target=f"{version}/containers/web/attach/ws?{query}"))
                assert isinstance(await client.next(), AcceptConnection)
                yield client, console


async def test_output_and_input_are_messages_without_frames(tmp_path: Path) -> None:
    async with attached(tmp_path) as (client, console):
        console.say(1, b"out\n")
        assert await client.next() == BytesMessage(bytearray(b"out\n"))
        await client.send(BytesMessage(b"bytes"))
        await client.send(TextMessage("téxt"))
        await client.send(CloseConnection(1000))
        await console.input_ended.wait()
        assert console.sent == b"bytes" + "téxt".encode()


async def test_a_ping_is_answered_and_the_end_is_told(tmp_path: Path) -> None:
    async with attached(tmp_path) as (client, console):
        await client.send(Ping(b"there?"))
        assert await client.next() == Pong(b"there?")
        console.end()
        event = await client.next()
        assert isinstance(event, CloseConnection)
        assert event.code == 1000


async def test_an_old_client_gets_text(tmp_path: Path) -> None:
    async with attached(tmp_path, version="/v1.27", query="stream=1") as (client, console):
        console.say(2, b"words\n")
        assert await client.next() == TextMessage("words\n")


async def test_what_is_no_handshake_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        async with await anyio.connect_unix(server.socket) as stream:
            await stream.send(b"GET /containers/web/attach/ws HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_vanishes_ends_the_session(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with attached(tmp_path) as (client, console):
        await client.aclose()
        await console.input_ended.wait()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
