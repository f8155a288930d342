"""Attaching to real containers: past output, ends, and clients that leave."""

from __future__ import annotations

import anyio
import pytest

from engine.containers.streams.options import AttachOptions, LogOptions
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]


async def test_past_output_comes_before_what_is_said_now(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "echo past; read word; echo now", open_stdin=True)
    batches = engine.containers.logs(container, LogOptions(follow=True))
    assert (await anext(batches))[0].message == b"past\n"
    await batches.aclose()
    async with engine.containers.attach(container, AttachOptions(logs=True, stdin=True)) as console:
        assert await console.receive() == (1, b"past\n")
        await console.send(b"go\n")
        assert await console.receive() == (1, b"now\n")


async def test_attaching_to_a_container_whose_monitor_has_just_ended_ends_at_once(engine: Engine) -> None:
    for _ in range(5):
        container = await engine.start("true")
        with anyio.fail_after(60):
            async with engine.containers.attach(container, AttachOptions()) as console:
                waiting = engine.containers.wait(container)
                with pytest.raises(anyio.EndOfStream):
                    await console.receive()
                await waiting


async def test_who_leaves_in_the_middle_of_past_output_lets_go_of_the_log(engine: Engine) -> None:
    container = await engine.start("seq", "100000")
    await engine.containers.wait(container)
    async with engine.containers.attach(container, AttachOptions(logs=True, stream=False)) as console:
        assert await console.receive() == (1, b"1\n")
    async with engine.containers.attach(container, AttachOptions(logs=True, stream=False)) as console:
        with pytest.raises(anyio.EndOfStream):
            while True:
                last = await console.receive()
    assert last == (1, b"100000\n")


async def test_what_goes_wrong_with_the_client_is_told_as_it_is(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    with pytest.raises(ConnectionResetError):
        async with engine.containers.attach(container, AttachOptions()):
            raise ConnectionResetError
