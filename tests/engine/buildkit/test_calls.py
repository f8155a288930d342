"""Calls over HTTP/2, our client against our server; the real ones meet them in `tests/e2e/test_buildx.py`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import anyio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from engine.buildkit.messages.control_pb2 import BytesMessage
from engine.buildkit.messages.gateway_pb2 import RpcStatus
from engine.buildkit.transport.calls import Call, streaming, unary
from engine.buildkit.transport.status import CallFailed, Code
from engine.errors import BadRequest
from tests.engine.buildkit.wires import connected

pytestmark = pytest.mark.anyio

MEBIBYTE = 1 << 20


async def echo(call: Call, request: BytesMessage) -> BytesMessage:
    return request


async def several(call: Call, request: BytesMessage) -> AsyncGenerator[BytesMessage, None]:
    for number in range(3):
        yield BytesMessage(data=request.data + b"%d" % number)


class Patient:
    """A handler that answers never, and says when it begins and ends."""

    def __init__(self) -> None:
        self.started, self.ended = anyio.Event(), anyio.Event()

    async def wait(self, call: Call, request: BytesMessage) -> BytesMessage:
        self.started.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.ended.set()
        return request


async def test_a_message_comes_back_whatever_its_length() -> None:
    async with connected({"/S/Echo": unary(BytesMessage, echo)}) as (client, _):
        for size in (0, 1, 70_000, 20 * MEBIBYTE):
            answer = await client.unary("/S/Echo", BytesMessage(data=bytes(size)), BytesMessage)
            assert len(answer.data) == size


async def test_many_calls_share_a_connection() -> None:
    async with connected({"/S/Echo": unary(BytesMessage, echo)}) as (client, _):

        async def one(number: int) -> None:
            data = b"%d" % number * 100_000
            assert (await client.unary("/S/Echo", BytesMessage(data=data), BytesMessage)).data == data

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(one, number)


async def test_answers_may_be_many() -> None:
    handlers = {"/S/Several": streaming(BytesMessage, several)}
    async with connected(handlers) as (client, _), client.call("/S/Several") as call:
        await call.send(BytesMessage(data=b"x"))
        await call.send_eof()
        assert [(await call.receive(BytesMessage)).data for _ in range(3)] == [b"x0", b"x1", b"x2"]
        await call.finish()


async def test_an_error_keeps_its_words_and_details() -> None:
    report = RpcStatus(code=Code.UNKNOWN, message="ümlaut", details=[AnyMessage(type_url="t", value=b"v")])

    async def fail(call: Call, request: BytesMessage) -> BytesMessage:
        raise CallFailed(Code.UNKNOWN, "ümlaut: 100 %", report)

    async with connected({"/S/Fail": unary(BytesMessage, fail)}) as (client, _):
        with pytest.raises(CallFailed) as failed:
            await client.unary("/S/Fail", BytesMessage(), BytesMessage)
    assert (failed.value.code, failed.value.message) == (Code.UNKNOWN, "ümlaut: 100 %")
    assert failed.value.report == report


async def test_an_error_of_the_engine_is_one_of_unknown_kind() -> None:
    async def fail(call: Call, request: BytesMessage) -> BytesMessage:
        raise BadRequest("no", hint="yes")

    async with connected({"/S/Fail": unary(BytesMessage, fail)}) as (client, _):
        with pytest.raises(CallFailed, match=r"no \(hint: yes\)") as failed:
            await client.unary("/S/Fail", BytesMessage(), BytesMessage)
    assert failed.value.code == Code.UNKNOWN


async def test_an_unknown_method_is_unimplemented() -> None:
    async with connected({}) as (client, _):
        with pytest.raises(CallFailed) as failed:
            await client.unary("/S/What", BytesMessage(), BytesMessage)
    assert failed.value.code == Code.UNIMPLEMENTED


async def test_a_caller_that_gives_up_ends_the_handler() -> None:
    handler = Patient()
    with anyio.fail_after(60):
        async with connected({"/S/Wait": unary(BytesMessage, handler.wait)}) as (client, _):
            async with client.call("/S/Wait") as call:
                await call.send(BytesMessage())
                await handler.started.wait()
            await handler.ended.wait()


async def test_a_handler_and_a_call_end_with_the_connection() -> None:
    handler = Patient()
    with anyio.fail_after(60):
        async with connected({"/S/Wait": unary(BytesMessage, handler.wait)}) as (client, wire):
            with pytest.raises(CallFailed) as failed:
                async with client.call("/S/Wait") as call:
                    await call.send(BytesMessage())
                    await handler.started.wait()
                    await wire.aclose()
                    await call.receive(BytesMessage)
            assert failed.value.code == Code.UNAVAILABLE
            await handler.ended.wait()
            assert client.is_gone
            with pytest.raises(CallFailed):
                await client.unary("/S/Wait", BytesMessage(), BytesMessage)


async def test_a_stream_that_nobody_reads_does_not_hold_up_the_others() -> None:
    async def flood(call: Call, request: BytesMessage) -> AsyncGenerator[BytesMessage, None]:
        while True:
            yield BytesMessage(data=bytes(MEBIBYTE))

    handlers = {"/S/Flood": streaming(BytesMessage, flood), "/S/Echo": unary(BytesMessage, echo)}
    with anyio.fail_after(60):
        async with connected(handlers) as (client, _), client.call("/S/Flood") as call:
            await call.send(BytesMessage())
            for _ in range(40):
                assert len((await client.unary("/S/Echo", BytesMessage(data=bytes(MEBIBYTE)), BytesMessage)).data)
