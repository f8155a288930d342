"""Our terminal joined to a container's own process, as `run` and `attach` do."""

from __future__ import annotations

import signal
import sys

import anyio
from msgspec import Struct

from compose.apply.parallel import unwrapped
from compose.apply.refusals import refusals
from compose.cli.stdio import join
from compose.errors import UsageError
from engine.client import EngineClient
from engine.wire.detach import DetachWatch, InvalidKeys, parse_detach_keys

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Attachment(Struct, frozen=True):
    """How to take part in a container: `tty` as it was made, `starts` it first, `detach_keys` as Docker writes them."""

    container: str
    tty: bool
    stdin: bool
    starts: bool = False
    passes_signals: bool = True
    detach_keys: str = ""


async def run_attached(engine: EngineClient, wish: Attachment) -> int | None:
    """Copy until the container's end and give its exit code; None when the detach keys were typed: it goes on.

    Ctrl-C and the other signals that end programs go to the container. Raises `UsageError` for keys that are none.
    """
    keys = _keys(wish)

    async def resize(height: int, width: int) -> None:
        await engine.resize_container(wish.container, height, width)

    async def pass_on_signals() -> None:
        with anyio.open_signal_receiver(*_PASSED_ON) as received:
            async for number in received:
                with refusals("passing on a signal", fine=(404, 409)):
                    await engine.kill_container(wish.container, signal.Signals(number).name)

    code: int | None = None
    with refusals(f"running container {wish.container}"), unwrapped():
        async with anyio.create_task_group() as tasks:
            async with await engine.attach_container(wish.container, tty=wish.tty, stdin=wish.stdin) as stream:
                if wish.starts:
                    await engine.start_container(wish.container)
                if wish.passes_signals:
                    tasks.start_soon(pass_on_signals, name="signals")
                is_left = await join(
                    stream, is_tty=wish.tty and sys.stdin.isatty(), stdin=wish.stdin, resize=resize, keys=keys
                )
            if not is_left:
                code = await engine.wait_container(wish.container)
            tasks.cancel_scope.cancel()
    return code


def _keys(wish: Attachment) -> DetachWatch | None:
    if not wish.tty:
        return None
    try:
        return DetachWatch(parse_detach_keys(wish.detach_keys))
    except InvalidKeys as exc:
        raise UsageError(exc.message, hint=exc.hint) from exc
