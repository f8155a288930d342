"""How clients are told what is wrong: statuses, messages and hints, as they stand on the wire."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.errors import RuntimeFailure
from engine.wire.containers import ContainerCreateRequest
from tests.engine.api.bare import receive_through, until_closed, wired

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        (b"/v1.99/info", b"400", b"client version 1.99 is too new"),
        (b"/v1.12/info", b"400", b"client version 1.12 is too old"),
        (b"/v1.51/nothing", b"404", b"page not found"),
        (b"/containers/none/json", b"404", b"No such container: none"),
        (b"/containers/json?filters=x", b"400", b"invalid filter"),
        (b"/containers/json?filters={%22colour%22:[%22red%22]}", b"400", b"invalid filter 'colour'"),
        (b"/containers/json?limit=few", b"500", b"parameter limit"),
        (b"/events?since=yesterday", b"500", b"invalid time 'yesterday'"),
        (b"/images/search?term=x&limit=0x1", b"400", b"parameter limit"),
    ],
)
async def test_an_error_has_a_status_and_a_message(
    tmp_path: Path, target: bytes, status: bytes, message: bytes
) -> None:
    async with wired(tmp_path) as (_, stream):
        await stream.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await receive_through(stream, b"}\n")
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b'{"message":"' in answer
    assert message in answer


async def test_a_wrong_field_is_named(tmp_path: Path) -> None:
    body = b'{"Image":"busybox","HostConfig":{"Memory":"much"}}'
    async with wired(tmp_path) as (_, stream):
        await stream.send(
            b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        answer = await receive_through(stream, b"}\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"HostConfig.Memory" in answer


async def test_what_already_is_so_is_not_modified_without_a_body(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, stream):
        created = await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        await stream.send(
            b"POST /containers/%s/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            % created.id.encode()
        )
        head, _, body = (await until_closed(stream)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 304 Not Modified")
    assert body == b""


async def test_an_unexpected_failure_is_told_and_logged_and_harms_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with wired(tmp_path) as (server, stream):
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        server.engine.containers.start_error = FileNotFoundError("a file of the engine")
        await stream.send(b"POST /containers/web/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        answer = await receive_through(stream, b"}\n")
        assert answer.startswith(b"HTTP/1.1 500")
        assert b"FileNotFoundError: a file of the engine" in answer
        assert "POST /containers/web/start failed" in caplog.text
        await stream.send(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await stream.receive()


async def test_a_full_disk_is_told_in_the_systems_words(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, stream):
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        server.engine.containers.start_error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/state/file")
        await stream.send(b"POST /containers/web/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b'"No space left on device: /state/file"' in await receive_through(stream, b"}\n")


async def test_where_no_thread_can_be_started_the_limit_is_named(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, stream):
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        server.engine.containers.start_error = RuntimeError("can't start new thread")
        await stream.send(b"POST /containers/web/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b"no more threads (hint: raise pids.max" in await receive_through(stream, b"}\n")


async def test_an_engine_error_has_its_own_status_and_hint(tmp_path: Path) -> None:
    async with wired(tmp_path) as (server, stream):
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        server.engine.containers.start_error = RuntimeFailure("sh: not found", exit_code=127, hint="install it")
        await stream.send(b"POST /containers/web/start HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        answer = await receive_through(stream, b"}\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'{"message":"sh: not found (hint: install it)"}' in answer


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        (b"text/plain", b"{}", b"unsupported Content-Type header (text/plain): must be 'application/json'"),
        (b"", b"{}", b"malformed Content-Type header (): mime: no media type"),
        (b"application/json", b'{"Name":"a"} b', b"unexpected content after JSON"),
        (b"application/json", b'{"Name":"a"}{}', b"unexpected content after JSON"),
        (b"application/json", b'{"Name":', b"invalid JSON"),
        (b"application/json", b"[]", b"invalid JSON: Expected `object`, got `array`"),
    ],
)
async def test_a_body_that_is_not_one_json_object_is_refused(
    tmp_path: Path, content_type: bytes, body: bytes, words: bytes
) -> None:
    typed = b"Content-Type: " + content_type + b"\r\n" if content_type else b""
    async with wired(tmp_path) as (server, stream):
        await stream.send(
            b"POST /volumes/create HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (typed, len(body), body)
        )
        answer = await receive_through(stream, b"}\n")
        assert answer.startswith(b"HTTP/1.1 400")
        assert words in answer
        assert not server.engine.volumes.known
