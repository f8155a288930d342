"""Joining our standard input and output to a process in a container."""

from __future__ import annotations

import shutil
import signal
import sys
import termios
import tty as raw_mode
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager

import anyio
import anyio.abc

from compose.apply.parallel import unwrapped
from compose.apply.refusals import refusals
from compose.cli.stdin import read_some, standard_input
from engine.client import EngineClient, Hijacked
from engine.wire.containers import ExecCreateRequest, ExecStartRequest
from engine.wire.detach import DetachWatch

_CHUNK_BYTES = 64 * 1024
Resize = Callable[[int, int], Awaitable[None]]


async def run_exec(engine: EngineClient, container: str, request: ExecCreateRequest, *, detach: bool) -> int:
    """Run a process in a container, joined to our stdio; returns its exit code (0 when detached)."""
    with refusals("executing the command"):
        exec_id = await engine.create_exec(container, request)
        if detach:
            await engine.start_exec_detached(exec_id)
            return 0

        async def resize(height: int, width: int) -> None:
            await engine.resize_exec(exec_id, height, width)

        columns, rows = shutil.get_terminal_size()
        start = ExecStartRequest(tty=request.tty, console_size=[rows, columns] if request.tty else None)
        async with await engine.start_exec(exec_id, start) as stream:
            await join(stream, is_tty=request.tty, stdin=request.attach_stdin, resize=resize)
        return (await engine.inspect_exec(exec_id)).exit_code or 0


async def join(stream: Hijacked, *, is_tty: bool, stdin: bool, resize: Resize, keys: DetachWatch | None = None) -> bool:
    """Copy both ways until the output ends, or until `keys` were typed: then the result is true.

    With a terminal, keys go through unread and its size is passed on.
    """
    left = anyio.Event()
    with _raw_terminal(is_tty), unwrapped():
        async with anyio.create_task_group() as tasks:

            async def send_input() -> None:
                if await _send_input(stream, keys if is_tty else None):
                    left.set()
                    tasks.cancel_scope.cancel()

            if stdin:
                tasks.start_soon(send_input, name="stdin")
            if is_tty:
                await tasks.start(_pass_on_sizes, resize)
            await _copy_output(stream)
            tasks.cancel_scope.cancel()
    return left.is_set()


async def _copy_output(stream: Hijacked) -> None:
    while True:
        try:
            number, data = await stream.receive()
        except anyio.EndOfStream:
            return
        target = sys.stderr if number == 2 else sys.stdout
        target.buffer.write(data)
        target.buffer.flush()


async def _send_input(stream: Hijacked, keys: DetachWatch | None) -> bool:
    """Send all there is; whether the keys ended it."""
    try:
        async with aclosing(input_chunks()) as chunks:
            async for data in chunks:
                passed, is_left = keys.feed(data) if keys else (data, False)
                await stream.send(passed)
                if is_left:
                    return True
        await stream.send_eof()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return False  # the process has gone or reads no more; its output tells when it is over
    return False


async def input_chunks() -> AsyncGenerator[bytes, None]:
    """Our standard input as it comes."""
    with standard_input() as descriptor:
        while data := await read_some(descriptor, _CHUNK_BYTES):
            yield data


async def _pass_on_sizes(
    resize: Resize, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    with anyio.open_signal_receiver(signal.SIGWINCH) as received:
        task_status.started()
        columns, rows = shutil.get_terminal_size()
        with refusals("resizing the terminal", fine=(404, 409, 500)):
            await resize(rows, columns)
        async for _ in received:
            columns, rows = shutil.get_terminal_size()
            # It may end in the same moment.
            with refusals("resizing the terminal", fine=(404, 409, 500)):
                await resize(rows, columns)


@contextmanager
def _raw_terminal(is_tty: bool) -> Iterator[None]:
    """Our terminal without echo and without its own meaning of keys, and back."""
    if not is_tty:
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        raw_mode.setraw(descriptor, termios.TCSADRAIN)  # not TCSAFLUSH: what was typed ahead is meant for the program
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
