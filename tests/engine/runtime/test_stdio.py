"""Attached clients and terminals: what goes in and what comes out."""

from __future__ import annotations

import os

import anyio
import pytest

from engine.runtime.runtime import Runtime
from engine.wire.containers import HostConfig
from tests.engine.runtime.harness import (
    MakeLaunch,
    read_all,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.root]


async def test_input_is_passed_until_its_end_and_output_comes_back(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("cat", stdin_open=True, stdin_once=True)
    await runtime.create(launch)
    content = os.urandom(200_000)
    async with runtime.attach(launch.container_id) as console, anyio.create_task_group() as tasks:
        await runtime.start(launch.container_id)

        async def feed() -> None:
            await console.send(content)
            await console.send_eof()

        tasks.start_soon(feed)
        assert await read_all(console) == content
    assert (await runtime.wait(launch.container_id)).exit_code == 0
    await runtime.delete(launch.container_id)


async def test_a_detached_client_does_not_end_the_input_of_others(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("cat", stdin_open=True)
    await started(runtime, launch)
    for word in (b"one\n", b"two\n"):
        async with runtime.attach(launch.container_id) as console:
            await console.send(word)
            with anyio.fail_after(60):
                assert await console.receive() == (1, word)
    await runtime.delete(launch.container_id)


async def test_an_attached_client_that_does_not_read_does_not_hold_up_the_end(
    runtime: Runtime, make_launch: MakeLaunch
) -> None:
    launch = make_launch("sh", "-c", "while true; do echo flood of output that nobody reads; done")
    await runtime.create(launch)
    async with runtime.attach(launch.container_id):
        await runtime.start(launch.container_id)
        with anyio.fail_after(60):
            await runtime.delete(launch.container_id)


async def test_a_terminal_has_the_size_it_was_given(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch(
        "sh",
        "-c",
        # The size and the input come by different ways, in any order.
        "stty size; read x; while [ \"$(stty size)\" = '10 20' ]; do :; done; stty size; test -t 0 && echo terminal $x",
        terminal=True,
        stdin_open=True,
        host_config=HostConfig(console_size=[10, 20]),
    )
    await runtime.create(launch)
    async with runtime.attach(launch.container_id) as console:
        await runtime.start(launch.container_id)
        with anyio.fail_after(60):
            assert await console.receive() == (1, b"10 20\r\n")
        await runtime.resize(launch.container_id, 30, 40)
        await console.send(b"yes\n")
        assert (await read_all(console)).split() == [b"yes", b"30", b"40", b"terminal", b"yes"]
    await runtime.wait(launch.container_id)
    await runtime.delete(launch.container_id)
