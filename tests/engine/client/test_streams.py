"""Logs, events and taken-over connections, by the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from engine.client import ApiError, EngineClient, EngineUnreachable
from engine.wire.containers import ContainerCreateRequest, ExecCreateRequest, ExecStartRequest
from engine.wire.frames import frame
from tests.fakes.container import Line
from tests.fakes.serving import served_client

pytestmark = pytest.mark.anyio

PONG = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nOK"


@pytest.mark.parametrize("tty", [False, True])
async def test_logs_come_with_their_stream(tmp_path: Path, *, tty: bool) -> None:
    async with served_client(tmp_path) as (server, client):
        await client.create_container("web", ContainerCreateRequest(image="busybox", tty=tty))
        web = server.engine.containers.find("web")
        web.log = [Line(1, 0, b"old\n"), Line(1, 0, b"out\n"), Line(1 if tty else 2, 0, b"err\n")]
        pieces = [piece async for piece in client.container_logs("web", tty=tty, tail="2", timestamps=True)]
        stamp = b"1970-01-01T00:00:00.000000000Z "
        text = b"".join(data for _, data in pieces)
        assert text == stamp + b"out\n" + stamp + b"err\n"
        assert {stream for stream, _ in pieces} == ({1} if tty else {1, 2})


async def test_the_end_of_a_container_that_is_gone_with_it_is_not_missed(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.containers.script = []
        await client.create_container("web", ContainerCreateRequest(image="busybox"))
        await client.start_container("web")
        async with client.awaiting_container("web", "removed") as exit_code:
            server.engine.containers.exit(server.engine.containers.find("web"), 7)
            await client.remove_container("web")
            assert await exit_code() == 7
        with pytest.raises(ApiError):
            async with client.awaiting_container("web", "removed"):
                pass


async def test_a_followed_log_ends_with_the_container_or_with_the_loop(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.containers.script = []
        await client.create_container("web", ContainerCreateRequest(image="busybox"))
        await client.start_container("web")
        web = server.engine.containers.find("web")
        web.log = [Line(1, 0, b"one\n")]
        async with aclosing(client.container_logs("web", tty=False, follow=True)) as pieces:
            async for _, data in pieces:
                assert data == b"one\n"
                break
        while server.engine.containers.following:
            await anyio.lowlevel.checkpoint()
        async for _ in client.container_logs("web", tty=False, follow=True):
            server.engine.containers.exit(web, 0)


async def test_an_attached_container_hears_and_is_heard(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        request = ContainerCreateRequest(image="busybox", open_stdin=True, attach_stdin=True)
        await client.create_container("web", request)
        async with await client.attach_container("web", tty=False, stdin=True) as stdio:
            await client.start_container("web")
            assert await stdio.receive() == (1, b"hello\n")
            await stdio.send(b"echo\n")
            assert await stdio.receive() == (1, b"echo\n")
            await stdio.send_eof()
            with pytest.raises(anyio.EndOfStream):
                await stdio.receive()
        await client.resize_container("web", 24, 80)
        assert server.engine.containers.find("web").size == (24, 80)


async def test_an_exec_is_made_started_and_asked_how_it_ended(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.containers.script = []
        await client.create_container("web", ContainerCreateRequest(image="busybox"))
        await client.start_container("web")
        wanted = ExecCreateRequest(cmd=["ls"], attach_stdout=True, attach_stderr=True)
        exec_id = await client.create_exec("web", wanted)
        async with await client.start_exec(exec_id, ExecStartRequest()) as stdio:
            assert [await stdio.receive(), await stdio.receive()] == [(1, b"ls\n"), (2, b"careful\n")]
            with pytest.raises(anyio.EndOfStream):
                await stdio.receive()
        assert (await client.inspect_exec(exec_id)).exit_code == 0
        await client.start_exec_detached(exec_id)
        with pytest.raises(ApiError, match="No such exec instance: gone"):
            await client.start_exec("gone", ExecStartRequest())
        with pytest.raises(ApiError, match="No exec command specified"):
            await client.create_exec("web", ExecCreateRequest())
        await client.stop_container("web")
        with pytest.raises(ApiError, match="is not running") as caught:
            await client.start_exec(exec_id, ExecStartRequest())
        assert caught.value.status == 409


async def test_what_happens_inside_a_listening_block_is_heard(tmp_path: Path) -> None:
    async with (
        served_client(tmp_path) as (_, client),
        client.listening(filters={"type": ["container"]}) as events,
    ):
        await client.create_container("web", ContainerCreateRequest(image="busybox", labels={"app": "shop"}))
        async for event in events:
            assert (event.action, event.actor.attributes["name"]) == ("create", "web")
            break


async def test_past_events_can_be_asked_for(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.events.publish("volume", "create", "data", {})
        found = [event.action async for event in client.events(since="0", until="1")]
        assert found == []
        async with aclosing(client.events(since="0")) as events:
            async for event in events:
                assert event.actor.id == "data"
                break


@asynccontextmanager
async def cut_amid_a_frame(directory: Path, head: bytes) -> AsyncIterator[EngineClient]:
    """A client of an engine that goes away when it has answered `head` and three bytes of output."""
    listener = await anyio.create_unix_listener(directory / "cut.sock")

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            is_ping = b"/_ping " in await stream.receive()
            await stream.send(PONG if is_ping else head + frame(1, b"all of it")[:11])

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with EngineClient(f"unix://{directory}/cut.sock") as client:
            yield client
        tasks.cancel_scope.cancel()


async def test_what_is_wrong_with_a_path_is_told_though_an_answer_without_a_body_cannot(tmp_path: Path) -> None:
    body = b'{"message": "too many links in /x"}'
    head = b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            asked = await stream.receive()
            await stream.send(PONG if b"/_ping " in asked else head if asked.startswith(b"HEAD ") else head + body)

    listener = await anyio.create_unix_listener(tmp_path / "wrong.sock")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with EngineClient(f"unix://{tmp_path}/wrong.sock") as client:
            with pytest.raises(ApiError, match="too many links in /x"):
                await client.stat_path("web", "/x")
        tasks.cancel_scope.cancel()


async def test_a_log_that_is_cut_is_an_error_behind_what_came(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n"
    async with cut_amid_a_frame(tmp_path, head) as client, aclosing(client.container_logs("web", tty=False)) as log:
        assert await anext(log) == (1, b"all")
        with pytest.raises(EngineUnreachable, match="broke off"):
            await anext(log)


async def test_a_taken_over_connection_that_is_cut_ends_since_nothing_says_how_much_there_is(tmp_path: Path) -> None:
    head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    async with cut_amid_a_frame(tmp_path, head) as client, await client.attach_container("web", tty=False) as stdio:
        assert await stdio.receive() == (1, b"all")
        with pytest.raises(anyio.EndOfStream):
            await stdio.receive()
