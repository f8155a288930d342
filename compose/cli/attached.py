"""A container that is started with our terminal as its own, and is heard to its end."""

from __future__ import annotations

import signal

import anyio

from compose.apply.parallel import unwrapped
from compose.apply.refusals import refusals
from compose.cli.stdio import join
from engine.client import EngineClient


async def run_attached(engine: EngineClient, name: str, *, is_tty: bool, stdin: bool) -> int:
    """Attach, start, copy until the end; Ctrl-C goes to the container. Returns its exit code."""

    async def resize(height: int, width: int) -> None:
        await engine.resize_container(name, height, width)

    async def pass_on_signals() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            async for number in received:
                with refusals("passing on a signal", fine=(404, 409)):
                    await engine.kill_container(name, signal.Signals(number).name)

    with refusals(f"running container {name}"), unwrapped():
        async with anyio.create_task_group() as tasks:
            async with await engine.attach_container(name, tty=is_tty, stdin=stdin) as stream:
                await engine.start_container(name)
                tasks.start_soon(pass_on_signals, name="signals")
                await join(stream, is_tty=is_tty, stdin=stdin, resize=resize)
            code = await engine.wait_container(name)
            tasks.cancel_scope.cancel()
    return code
