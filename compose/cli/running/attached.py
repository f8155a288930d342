"""Our terminal joined to a container's own process, as `run` and `attach` do."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import click
from msgspec import Struct

from compose.apply.parallel import unwrapped
from compose.apply.refusals import refusals, refused
from compose.cli.interrupts import received
from compose.cli.running.stdio import join
from compose.errors import UsageError
from engine.client import ApiError, EngineClient
from engine.wire.detach import DetachWatch, InvalidKeys, parse_detach_keys

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Attachment(Struct, frozen=True):
    """How to take part in a container: `tty` as it was made, `starts` it first, `detach_keys` as Docker writes them.

    One that `is_passing` is removed by the engine when it ends: that is waited for.
    """

    container: str
    tty: bool
    stdin: bool
    starts: bool = False
    is_passing: bool = False
    passes_signals: bool = True
    detach_keys: str = ""


async def run_attached(engine: EngineClient, wish: Attachment) -> int | None:
    """Copy until the container's end and give its exit code; None when the detach keys were typed: it goes on.

    What comes after the last output is waited for from the start, since a container may be gone with it.

    Ctrl-C and the other signals that end programs go to the container. Raises `UsageError` for keys that are none.
    """
    keys = _keys(wish)

    async def resize(height: int, width: int) -> None:
        await engine.resize_container(wish.container, height, width)

    code: int | None = None
    with refusals(f"running container {wish.container}"), unwrapped():
        async with (
            anyio.create_task_group() as tasks,
            engine.awaiting_container(wish.container, _end_of(wish)) as exit_code,
        ):
            async with await engine.attach_container(wish.container, tty=wish.tty, stdin=wish.stdin) as stream:
                if wish.starts:
                    await engine.start_container(wish.container)
                if wish.passes_signals:
                    await tasks.start(_pass_on_signals, engine, wish.container)
                is_left = await join(
                    stream, is_tty=wish.tty and sys.stdin.isatty(), stdin=wish.stdin, resize=resize, keys=keys
                )
            if not is_left:
                code = await exit_code()
            tasks.cancel_scope.cancel()
    return code


@asynccontextmanager
async def passing_on_signals(engine: EngineClient, container: str) -> AsyncIterator[None]:
    """Let the signals that end programs go to the container while the block lasts: they do not end us."""
    with unwrapped():
        async with anyio.create_task_group() as tasks:
            await tasks.start(_pass_on_signals, engine, container)
            yield
            tasks.cancel_scope.cancel()


async def _pass_on_signals(
    engine: EngineClient, container: str, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with received(*_PASSED_ON) as signals:
        task_status.started()
        async for number in signals:
            try:
                await engine.kill_container(container, signal.Signals(number).name)
            except ApiError as exc:
                if exc.status not in (404, 409):
                    raise refused(exc, "passing on a signal") from exc
                raise click.Abort from exc  # it does not run yet, or no more: so the signal is for us


async def remove_passing(engine: EngineClient, container: str) -> None:
    """Remove a container that the engine removes as well when it ends: it is gone afterwards, whoever was faster."""
    doing = f"removing container {container}"
    with refusals(doing, fine=(404,)):
        async with engine.awaiting_container(container, "removed") as removal:
            with refusals(doing, fine=(404, 409)):  # gone already, or going
                await engine.remove_container(container, force=True, volumes=True)
            await removal()


def _end_of(wish: Attachment) -> str:
    """The condition of the wait for it; what is not started yet does not run either."""
    if wish.is_passing:
        return "removed"
    return "next-exit" if wish.starts else "not-running"


def _keys(wish: Attachment) -> DetachWatch | None:
    """What to watch for, on a terminal; keys that are none are a mistake in any case."""
    try:
        keys = DetachWatch(parse_detach_keys(wish.detach_keys))
    except InvalidKeys as exc:
        raise UsageError(exc.message, hint=exc.hint) from exc
    return keys if wish.tty else None
