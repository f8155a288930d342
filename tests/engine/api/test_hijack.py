"""Taken-over connections, seen from a bare socket: both styles, half-close, hang-up, detaching."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import ByteStream

from engine.errors import RuntimeFailure
from engine.wire.containers import ContainerCreateRequest, ExecCreateRequest
from engine.wire.frames import frame
from tests.fakes.container import FakeConsole
from tests.fakes.serving import Served, served

pytestmark = pytest.mark.anyio

UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"


@asynccontextmanager
async def attached(
    directory: Path, *, headers: str = UPGRADE, tty: bool = False, query: str = "", version: str = ""
) -> AsyncIterator[tuple[Served, ByteStream, FakeConsole]]:
    """A running container `web` with an open stdin, and a connection that asked to attach to it."""
    request = ContainerCreateRequest(image="busybox", tty=tty, open_stdin=True, attach_stdin=True, attach_stdout=True)
    async with served(directory) as server:
        server.engine.containers.script = []
        await server.engine.containers.create("web", request)
        await server.engine.containers.start("web")
        console = server.engine.containers.find("web").console
        assert console is not None
        console.echoes = False
        async with await anyio.connect_unix(server.socket) as stream:
            what = f"{version}/containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1{query}"
            await stream.send(f"POST {what} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{headers}\r\n".encode())
            yield server, stream, console


async def receive_through(stream: ByteStream, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        data += await stream.receive()
    return data


async def test_a_client_that_asks_for_an_upgrade_gets_it(tmp_path: Path) -> None:
    async with attached(tmp_path) as (_, stream, _):
        head = await receive_through(stream, b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
    assert b"Content-Type: application/vnd.docker.multiplexed-stream\r\n" in head
    assert b"Connection: Upgrade\r\nUpgrade: tcp\r\n" in head


async def test_a_client_that_does_not_gets_raw_bytes_after_200(tmp_path: Path) -> None:
    async with attached(tmp_path, headers="") as (_, stream, console):
        head = await receive_through(stream, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"chunked" not in head
        console.say(1, b"out\n")
        assert await stream.receive() == frame(1, b"out\n")


@pytest.mark.parametrize(("tty", "version"), [(True, ""), (False, "/v1.41")])
async def test_a_tty_and_an_old_client_have_raw_streams(tmp_path: Path, version: str, *, tty: bool) -> None:
    async with attached(tmp_path, tty=tty, version=version) as (_, stream, console):
        assert b"docker.raw-stream" in await receive_through(stream, b"\r\n\r\n")
        console.say(1, b"$ ")
        assert await stream.receive() == (b"$ " if tty else frame(1, b"$ "))


async def test_input_sent_before_the_answer_is_not_lost(tmp_path: Path) -> None:
    async with attached(tmp_path) as (_, stream, console):
        await stream.send(b"first")
        await receive_through(stream, b"\r\n\r\n")
        await stream.send(b" second")
        await stream.send_eof()
        await console.input_ended.wait()
        assert bytes(console.sent) == b"first second"


async def test_after_the_end_of_input_output_goes_on(tmp_path: Path) -> None:
    async with attached(tmp_path) as (server, stream, console):
        await receive_through(stream, b"\r\n\r\n")
        await stream.send_eof()
        await console.input_ended.wait()
        console.say(1, b"still here\n")
        console.say(2, b"and here\n")
        assert await receive_through(stream, b"and here\n") == frame(1, b"still here\n") + frame(2, b"and here\n")
        console.end()
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()
        await server.until_connections(0)


async def test_a_client_that_hangs_up_after_its_input_ended_is_let_go(tmp_path: Path) -> None:
    async with attached(tmp_path) as (server, stream, console):
        await receive_through(stream, b"\r\n\r\n")
        await stream.send_eof()
        await console.input_ended.wait()
        await stream.aclose()
        await server.until_connections(0)


async def test_a_client_that_hangs_up_at_once_ends_the_input_only(tmp_path: Path) -> None:
    async with attached(tmp_path) as (server, stream, console):
        await receive_through(stream, b"\r\n\r\n")
        await stream.aclose()
        await server.until_connections(0)
        assert server.engine.containers.find("web").status == "running"
        assert console.input_ended.is_set()


async def test_the_detach_keys_end_the_session_and_not_the_input(tmp_path: Path) -> None:
    async with attached(tmp_path, tty=True, query="&detachKeys=ctrl-a,d") as (server, stream, console):
        await receive_through(stream, b"\r\n\r\n")
        await stream.send(b"ls\n\x01")
        await stream.send(b"d")
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()
        await server.until_connections(0)
        assert bytes(console.sent) == b"ls\n"
        assert not console.input_ended.is_set()


async def test_without_a_tty_the_detach_keys_are_input(tmp_path: Path) -> None:
    async with attached(tmp_path) as (_, stream, console):
        await receive_through(stream, b"\r\n\r\n")
        await stream.send(b"\x10\x11")
        await stream.send_eof()
        await console.input_ended.wait()
        assert bytes(console.sent) == b"\x10\x11"


async def test_only_the_wanted_streams_are_sent(tmp_path: Path) -> None:
    async with attached(tmp_path, query="&stderr=0") as (_, stream, console):
        await receive_through(stream, b"\r\n\r\n")
        console.say(2, b"err")
        console.say(1, b"out")
        data = await receive_through(stream, b"out")
    assert data.endswith(frame(1, b"out"))


async def test_attaching_to_nothing_is_an_ordinary_error(tmp_path: Path) -> None:
    async with served(tmp_path) as server, await anyio.connect_unix(server.socket) as stream:
        await stream.send(f"POST /containers/x/attach?stream=1 HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
        answer = await receive_through(stream, b"}\n")
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"No such container: x" in answer


async def start_exec(server: Served, stream: ByteStream, exec_id: str, *, tty: str = "false") -> None:
    body = f'{{"Detach":false,"Tty":{tty}}}'
    typed = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    head = f"POST /exec/{exec_id}/start HTTP/1.1\r\nHost: x\r\n{UPGRADE}{typed}"
    await stream.send((head + body).encode())


async def test_an_execs_body_is_read_before_the_connection_is_taken_over(tmp_path: Path) -> None:
    async with attached(tmp_path) as (server, _, _), await anyio.connect_unix(server.socket) as stream:
        wanted = ExecCreateRequest(cmd=["echo", "hi"], attach_stdout=True, attach_stderr=True)
        created = await server.engine.containers.exec_create("web", wanted)
        await start_exec(server, stream, created.id)
        data = await receive_through(stream, frame(2, b"careful\n"))
        assert frame(1, b"echo hi\n") in data
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()
        await server.engine.containers.execs[created.id][2].closed.wait()


async def test_the_output_of_an_execs_tty_is_framed_for_who_does_not_ask_for_a_tty_at_its_start(tmp_path: Path) -> None:
    async with attached(tmp_path) as (server, _, _), await anyio.connect_unix(server.socket) as stream:
        wanted = ExecCreateRequest(cmd=["echo", "hi"], attach_stdout=True, attach_stderr=True, tty=True)
        created = await server.engine.containers.exec_create("web", wanted)
        await start_exec(server, stream, created.id)
        data = await receive_through(stream, frame(1, b"echo hi\n"))
    assert b"Content-Type: application/vnd.docker.multiplexed-stream\r\n" in data


async def test_bare_output_of_an_exec_without_a_tty_is_its_stdout(tmp_path: Path) -> None:
    async with attached(tmp_path) as (server, _, _), await anyio.connect_unix(server.socket) as stream:
        wanted = ExecCreateRequest(cmd=["echo", "hi"], attach_stdout=True, attach_stderr=True)
        created = await server.engine.containers.exec_create("web", wanted)
        await start_exec(server, stream, created.id, tty="true")
        data = await receive_through(stream, b"\r\n\r\necho hi\n")
        assert b"Content-Type: application/vnd.docker.raw-stream\r\n" in data
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()


async def test_a_command_that_cannot_run_is_told_in_the_stream(tmp_path: Path) -> None:
    async with attached(tmp_path) as (server, _, _), await anyio.connect_unix(server.socket) as stream:
        wanted = ExecCreateRequest(cmd=["nope"], attach_stdout=True)
        created = await server.engine.containers.exec_create("web", wanted)
        server.engine.containers.exec_error = RuntimeFailure("exec: nope: not found", exit_code=127)
        await start_exec(server, stream, created.id)
        data = await receive_through(stream, b"not found\r\n")
    assert data.startswith(b"HTTP/1.1 101 UPGRADED")


async def test_a_client_that_hangs_up_before_the_start_is_let_go(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        request = ContainerCreateRequest(image="busybox", open_stdin=True, attach_stdin=True)
        await server.engine.containers.create("web", request)
        async with await anyio.connect_unix(server.socket) as stream:
            what = "/containers/web/attach?stream=1&stdin=1&stdout=1"
            await stream.send(f"POST {what} HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n".encode())
            await receive_through(stream, b"\r\n\r\n")
            await stream.send(b"typed ahead")
        await server.until_connections(0)
