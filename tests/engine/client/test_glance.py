"""Reading lists without an event loop."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from engine.client import ApiError, EngineUnreachable
from engine.client.glance import glance
from tests.fakes.serving import served

pytestmark = pytest.mark.anyio


async def test_the_answers_come_in_the_order_of_the_questions(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        pong, networks = await anyio.to_thread.run_sync(glance, server.socket, ["/_ping", "/networks"])
    assert pong == b"OK"
    assert b'"bridge"' in networks


async def test_a_refusal_says_what_the_engine_said(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        with pytest.raises(ApiError, match=r"(?i)no such container: lost") as caught:
            await anyio.to_thread.run_sync(glance, server.socket, ["/_ping", "/containers/lost/json"])
    assert caught.value.status == 404


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable):
        glance(tmp_path / "none.sock", ["/_ping"])


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
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def reply() -> None:
            with listening.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(EngineUnreachable):
            glance(path, ["/_ping"])
        thread.join()
