"""Calls without an event loop."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import pytest

from engine.client import ApiError, EngineUnreachable, OnlyReads
from engine.client.near import NearEngine
from tests.fakes.serving import served

pytestmark = pytest.mark.anyio
T = TypeVar("T")


async def nearby(path: Path, use: Callable[[NearEngine], T], *, only_reads: bool = False) -> T:
    """What `use` gets from a near engine, in a thread: the server has this one."""

    def run() -> T:
        with NearEngine(path, [("X-Mine", "yes")], only_reads=only_reads) as engine:
            return use(engine)

    return await anyio.to_thread.run_sync(run)


@contextmanager
def answering(path: Path, answers: Sequence[Sequence[bytes]]) -> Iterator[list[bytes]]:
    """A server that gives each connection's answers to what it reads, then closes it; yields what was read."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def reply() -> None:
            for each in answers:
                with listening.accept()[0] as connection:
                    for answer in each:
                        heard.append(connection.recv(65536))
                        connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        yield heard
        thread.join()


async def test_calls_at_the_same_time_get_their_own_answers(tmp_path: Path) -> None:
    found: dict[str, bytes] = {}

    async def ask(engine: NearEngine) -> None:
        async def one(path: str) -> None:
            found[path] = await engine.call("GET", path)

        async with engine.tasks() as tasks:
            tasks.start_soon(one, "/networks")
            tasks.start_soon(one, "/_ping")

    async with served(tmp_path) as server:
        await nearby(server.socket, lambda engine: engine.run(ask(engine)))
    assert found["/_ping"] == b"OK"
    assert b'"bridge"' in found["/networks"]


async def test_a_refusal_says_what_the_engine_said(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        with pytest.raises(ApiError, match=r"(?i)no such container: lost") as caught:
            await nearby(server.socket, lambda engine: engine.run(engine.inspect_container("lost")))
    assert caught.value.status == 404


async def test_one_connection_serves_calls_one_after_the_other(tmp_path: Path) -> None:
    async def ask(engine: NearEngine) -> list[bytes]:
        return [await engine.call("GET", "/_ping") for _ in range(3)]

    async with served(tmp_path) as server:
        assert await nearby(server.socket, lambda engine: engine.run(ask(engine))) == [b"OK"] * 3
        assert max(server.activity) == 1


async def test_one_that_only_reads_asks_for_no_change(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        with pytest.raises(OnlyReads):
            await nearby(server.socket, lambda engine: engine.run(engine.stop_container("web")), only_reads=True)


def test_calls_name_the_version_that_both_sides_speak_once_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "old.sock"
    empty = b"HTTP/1.1 204 No Content\r\nAPI-Version: 1.44\r\n\r\n"
    with answering(path, [[empty, empty]]) as heard, NearEngine(path, [("X-Mine", "yes")]) as engine:
        engine.run(engine.stop_container("web"))
        engine.run(engine.remove_container("web"))
    assert [request.split(b" ")[1] for request in heard] == [b"/containers/web/stop", b"/v1.44/containers/web"]
    assert all(b"\r\nX-Mine: yes\r\n" in request for request in heard)


def test_a_connection_that_ends_with_its_answer_is_followed_by_another(tmp_path: Path) -> None:
    path = tmp_path / "brief.sock"
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n"
    with answering(path, [[last], [last]]), NearEngine(path) as engine:
        assert [engine.run(engine.call("GET", "/_ping")) for _ in range(2)] == [b"OK", b"OK"]


def test_an_engine_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    with NearEngine(tmp_path / "none.sock") as engine, pytest.raises(EngineUnreachable):
        engine.run(engine.list_images())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n[]",
        b"HTTP/1.0 200 OK\r\nContent-Length: two\r\n\r\n[]",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    path = tmp_path / "odd.sock"
    with answering(path, [[answer]]), NearEngine(path) as engine, pytest.raises(EngineUnreachable):
        engine.run(engine.call("GET", "/_ping"))
