"""One connection to an engine, over a stream that breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import anyio
import anyio.abc
import pytest

from engine.client.connection import EngineConnection

pytestmark = pytest.mark.anyio

ANSWER = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


class Impatient:
    """An engine that answers after the head of a request and reads nothing more."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, data: bytes) -> None:
        self.sent += 1
        if self.sent > 1:
            raise anyio.BrokenResourceError

    async def receive(self, size: int) -> bytes:
        return ANSWER[:size]


async def test_who_gets_an_answer_early_produces_no_more_of_the_request() -> None:
    produced = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal produced
        while True:
            produced += 1
            yield b"more"

    connection = EngineConnection(cast("anyio.abc.ByteStream", Impatient()), "unix:///nowhere")
    head = await connection.ask("POST", "/build", [("Host", "engine")], endless())
    assert (head.status, produced) == (400, 1)
    assert not connection.renew()
