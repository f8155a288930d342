"""Answers that last: they begin at once, go on as things happen, and end when the client is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream

from engine.errors import RegistryError, Unavailable
from engine.wire.containers import ContainerCreateRequest
from tests.fakes.container import Line
from tests.fakes.serving import Served, served

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def asked(directory: Path, head: str) -> AsyncIterator[tuple[Served, ByteStream]]:
    """A fake engine with the container `web` running, and a connection on which `head` was asked."""
    async with served(directory) as server:
        server.engine.containers.script = []
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        await server.engine.containers.start("web")
        async with await anyio.connect_unix(server.socket) as stream:
            await stream.send(f"{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
            yield server, stream


async def receive_through(stream: ByteStream, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        data += await stream.receive()
    return data


async def test_a_waits_head_is_sent_before_it_ends(tmp_path: Path) -> None:
    async with asked(tmp_path, "POST /containers/web/wait?condition=next-exit") as (server, stream):
        assert b"200 OK" in await receive_through(stream, b"\r\n\r\n")
        web = server.engine.containers.find("web")
        server.engine.containers.exit(web, 3)
        assert b'{"StatusCode":3}' in await receive_through(stream, b"\r\n0\r\n\r\n")


async def test_an_old_client_gets_the_waits_head_with_its_result(tmp_path: Path) -> None:
    async with asked(tmp_path, "POST /v1.29/containers/web/wait") as (server, stream):
        web = server.engine.containers.find("web")
        while not web.waiters:
            await anyio.lowlevel.checkpoint()
        server.engine.containers.exit(web, 0)
        assert (await receive_through(stream, b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


async def test_an_unknown_condition_is_refused(tmp_path: Path) -> None:
    async with asked(tmp_path, "POST /containers/web/wait?condition=bored") as (_, stream):
        assert b"invalid condition" in await receive_through(stream, b"}\n")


@pytest.mark.parametrize(
    ("head", "counted"),
    [
        ("POST /containers/web/wait", "waiters"),
        ("GET /containers/web/logs?follow=1&stdout=1", "following"),
        ("GET /events", "listeners"),
        ("POST /images/create?fromImage=slow&tag=1", "pulling"),
    ],
)
async def test_what_a_vanished_client_waited_for_is_given_up(tmp_path: Path, head: str, counted: str) -> None:
    async with asked(tmp_path, head) as (server, stream):
        engine = server.engine
        engine.images.pull_gate = anyio.Event()

        def busy() -> int:
            return {
                "waiters": engine.containers.find("web").waiters,
                "following": engine.containers.following,
                "listeners": engine.events.listener_count,
                "pulling": engine.images.pulling,
            }[counted]

        await receive_through(stream, b"\r\n\r\n")
        while not busy():
            await anyio.lowlevel.checkpoint()
        await stream.aclose()
        await server.until_connections(0)
        assert busy() == 0


async def test_a_request_sent_during_a_stream_is_answered_after_it(tmp_path: Path) -> None:
    async with asked(tmp_path, "POST /containers/web/wait") as (server, stream):
        await receive_through(stream, b"\r\n\r\n")
        await stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        await anyio.wait_all_tasks_blocked()
        server.engine.containers.exit(server.engine.containers.find("web"), 0)
        assert (await receive_through(stream, b"\r\n\r\nOK")).count(b"200 OK") == 1


async def test_events_that_follow_the_head_are_not_missed(tmp_path: Path) -> None:
    async with asked(tmp_path, "GET /events?filters={%22type%22:[%22volume%22]}") as (server, stream):
        await receive_through(stream, b"\r\n\r\n")
        server.engine.events.publish("container", "start", "c1", {})
        server.engine.events.publish("volume", "create", "data", {"driver": "local"})
        text = await receive_through(stream, b"\n\r\n")
    assert b'"Action":"create"' in text
    assert b"c1" not in text


async def test_past_events_end_by_themselves(tmp_path: Path) -> None:
    async with asked(tmp_path, "GET /events?until=1") as (_, stream):
        assert (await receive_through(stream, b"0\r\n\r\n")).count(b'"Type"') == 0


async def test_a_pull_that_fails_at_once_fails_with_a_status(tmp_path: Path) -> None:
    async with served(tmp_path) as server, await anyio.connect_unix(server.socket) as stream:
        server.engine.images.early_error = RegistryError("no such image anywhere")
        await stream.send(b"POST /images/create?fromImage=x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert (await receive_through(stream, b"}\n")).startswith(b"HTTP/1.1 500")


async def test_a_pull_that_fails_half_way_says_so_in_its_last_line(tmp_path: Path) -> None:
    async with served(tmp_path) as server, await anyio.connect_unix(server.socket) as stream:
        server.engine.images.pull_error = RegistryError("the line went dead")
        await stream.send(b"POST /images/create?fromImage=x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        text = await receive_through(stream, b"0\r\n\r\n")
    assert text.startswith(b"HTTP/1.1 200 OK")
    assert b'"error":"the line went dead","errorDetail":{"message":"the line went dead"}' in text


async def test_a_log_that_breaks_off_is_seen_to_be_incomplete(tmp_path: Path) -> None:
    async with asked(tmp_path, "GET /_ping") as (server, stream):
        await receive_through(stream, b"OK")
        web = server.engine.containers.find("web")
        web.log.append(Line(1, 0, b"some\n"))
        server.engine.containers.log_error = Unavailable("the disk is gone")
        await stream.send(b"GET /containers/web/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        data = b""
        with pytest.raises(anyio.EndOfStream):
            while True:
                data += await stream.receive()
    assert b"some\n" in data
    assert not data.endswith(b"0\r\n\r\n")


async def test_logs_of_no_stream_are_refused(tmp_path: Path) -> None:
    async with asked(tmp_path, "GET /containers/web/logs") as (_, stream):
        assert b"you must choose at least one stream" in await receive_through(stream, b"}\n")


async def test_many_small_chunks_travel_together(tmp_path: Path) -> None:
    async with asked(tmp_path, "GET /_ping") as (server, stream):
        await receive_through(stream, b"OK")
        web = server.engine.containers.find("web")
        web.log += [Line(1, 0, b"line\n")] * 10_000
        await stream.send(b"GET /containers/web/logs?stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        text = await receive_through(stream, b"\r\n0\r\n\r\n")
    assert text.count(b"line\n") == 10_000
    assert text.count(b"\r\n") < 200
