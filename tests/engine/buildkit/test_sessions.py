"""Sessions are found by their id as long as their client is there."""

from __future__ import annotations

import anyio
import pytest

from engine.buildkit.messages.control_pb2 import BytesMessage
from engine.buildkit.session.sessions import Sessions
from engine.buildkit.transport.background import background
from engine.buildkit.transport.calls import Call, Server, unary
from engine.buildkit.transport.http2 import Connection
from engine.errors import Conflict
from tests.engine.buildkit.wires import streams

pytestmark = pytest.mark.anyio


async def echo(call: Call, request: BytesMessage) -> BytesMessage:
    return request


async def test_a_session_is_waited_for_answers_and_ends_with_its_client() -> None:
    sessions = Sessions()
    with anyio.fail_after(60):
        async with streams() as (ours, theirs), background() as tasks:

            async def use() -> None:
                client = await sessions.get("one")
                assert (await client.unary("/S/Echo", BytesMessage(data=b"x"), BytesMessage)).data == b"x"
                with pytest.raises(Conflict):
                    sessions.check("one")
                await theirs.aclose()

            tasks.start_soon(use)
            tasks.start_soon(Connection(theirs, Server({"/S/Echo": unary(BytesMessage, echo)}).accept).run)
            await sessions.serve("one", ours)
    sessions.check("one")
