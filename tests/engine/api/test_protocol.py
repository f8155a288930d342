"""HTTP as clients speak it, well or badly, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from engine.errors import RuntimeFailure
from tests.engine.api.bare import receive_through, until_closed, wired
from tests.fakes.serving import served

pytestmark = pytest.mark.anyio


async def test_a_ping_tells_what_is_spoken_here(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, body = (await until_closed(stream)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    for line in (b"Api-Version: 1.51", b"Docker-Experimental: false", b"Ostype: linux", b"Server: pycompose/9.9.9"):
        assert line in head
    assert body == b"OK"


async def test_a_head_request_gets_the_length_and_no_body(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"HEAD /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, body = (await until_closed(stream)).partition(b"\r\n\r\n")
    assert b"Content-Length: 2" in head
    assert body == b""


async def test_one_connection_carries_many_requests_also_sent_at_once(tmp_path: Path) -> None:
    request = b"GET /v1.41/_ping HTTP/1.1\r\nHost: x\r\n\r\n"
    async with wired(tmp_path) as (server, stream):
        await stream.send(request * 3 + request.replace(b"Host", b"Connection: close\r\nHost"))
        answers = await until_closed(stream)
        assert answers.count(b"200 OK") == 4
        await server.until_connections(0)
        assert server.activity == [1, 0]


async def test_a_body_may_come_in_chunks(tmp_path: Path) -> None:
    body = b'{"Name":"data"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, body[at : at + 1]) for at in range(len(body)))
    async with wired(tmp_path) as (server, stream):
        await stream.send(
            b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + chunks
            + b"0\r\n\r\n"
        )
        assert b"201 Created" in await receive_through(stream, b"\r\n\r\n")
        assert "data" in server.engine.volumes.known


async def test_a_client_that_waits_to_be_told_is_told_to_continue(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(
            b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: 12\r\n\r\n"
        )
        assert (await receive_through(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue")
        await stream.send(b'{"Name":"d"}')
        assert b"201 Created" in await receive_through(stream, b"\r\n\r\n")


async def test_a_client_that_waits_in_vain_is_answered_without_sending(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n")
        answer = await until_closed(stream)
    assert answer.startswith(b"HTTP/1.1 404 Not Found")
    assert b"100 Continue" not in answer


async def test_what_cannot_be_expected_is_refused(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, stream):
        await stream.send(
            b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Expect: wonders\r\nContent-Length: 2\r\n\r\n{}"
        )
        assert (await receive_through(stream, b"}\n")).startswith(b"HTTP/1.1 417 ")
        assert not server.engine.volumes.known


async def test_a_body_that_nobody_reads_does_not_disturb_the_next_request(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000)
        assert b'{"message":"page not found"}' in await receive_through(stream, b"}\n")
        await stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await stream.receive()


async def test_a_body_without_end_is_refused_and_the_connection_closed(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")

        async def pour() -> None:
            try:
                while True:
                    await stream.send(b" " * 65536)
            except anyio.BrokenResourceError:
                return

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pour)
            answer = await receive_through(stream, b"}\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"longer than" in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"this is not http\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_answered_once_and_closed(tmp_path: Path, sent: bytes) -> None:
    async with wired(tmp_path) as (server, stream):
        await stream.send(sent)
        answer = await until_closed(stream)
        assert answer.startswith(b"HTTP/1.1 4")
        assert b'{"message":"malformed request' in answer
        await server.until_connections(0)


async def test_a_stream_that_breaks_off_is_logged_since_the_client_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    has_begun = anyio.Event()
    async with wired(tmp_path) as (server, stream):

        async def export(name: str) -> AsyncIterator[bytes]:
            yield b"x" * 100_000
            await has_begun.wait()
            raise RuntimeFailure(f"the files of {name} are gone")

        monkeypatch.setattr(server.engine.containers, "export", export)
        await stream.send(b"GET /containers/web/export HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await stream.receive()
        has_begun.set()
        assert answer.startswith(b"HTTP/1.1 200")
        assert not (await until_closed(stream)).endswith(b"0\r\n\r\n")
        assert "the files of web are gone" in caplog.text


async def test_a_client_that_leaves_in_the_middle_of_a_request_is_forgotten(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        async with await anyio.connect_unix(server.socket) as stream:
            await stream.send(b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            await server.until_connections(1)
        await server.until_connections(0)
        assert not server.engine.volumes.known


@pytest.mark.parametrize("body", [b"null", b"{}", b""])
async def test_null_and_nothing_count_as_an_empty_object(tmp_path: Path, body: bytes) -> None:
    head = b"POST /volumes/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8\r\n"
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body))
        assert b"201 Created" in await receive_through(stream, b"\r\n\r\n")


async def test_a_whole_url_counts_by_its_path(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"GET http://docker/v1.41/_ping?x=1 HTTP/1.1\r\nHost: docker\r\n\r\n")
        assert b"200 OK" in await stream.receive()


async def test_a_head_without_bounds_is_refused(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, stream):
        with pytest.raises(anyio.BrokenResourceError):
            while True:
                await stream.send(b"GET /_ping HTTP/1.1\r\nX: " + b"x" * 65536)
        assert b"431 Request Header Fields Too Large" in await stream.receive()
        await server.until_connections(0)


async def test_a_head_that_never_ends_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.api.connection._REQUEST_HEAD_SECONDS", 0.05)
    async with wired(tmp_path) as (server, stream):
        await stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await stream.receive()
        await stream.send(b"GET /_ping HTTP/1.1\r\nX: ")
        assert (await until_closed(stream)).startswith(b"HTTP/1.1 408")
        await server.until_connections(0)


async def test_a_client_that_is_done_sending_is_still_answered(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        await stream.send_eof()
        assert b"200 OK" in await until_closed(stream)


async def test_http2_is_not_taken_up(tmp_path: Path) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(
            b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
        )
        assert (await stream.receive()).startswith(b"HTTP/1.1 200 OK")


async def test_a_silent_client_holds_up_nobody(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, silent):
        await silent.send(b"GET /_pi")
        async with await anyio.connect_unix(server.socket) as stream:
            await stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await stream.receive()


async def test_a_body_that_is_missing_counts_as_an_empty_object(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, stream):
        await stream.send(b"POST /volumes/create HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"201 Created" in await receive_through(stream, b"\r\n\r\n")
        assert len(server.engine.volumes.known) == 1
