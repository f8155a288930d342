"""Archives between blocking code in a thread and asynchronous code, through pipes: the slower one sets the pace."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import BinaryIO

import anyio
import anyio.to_thread

from compose.apply.parallel import unwrapped

_CHUNK_BYTES = 256 * 1024
_PIPE_BYTES = 1024 * 1024


@asynccontextmanager
async def produced(write: Callable[[BinaryIO], None]) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """What `write` writes in a thread, in chunks. Leaving the block early ends the writing.

    The chunks end once `write` has returned. If it raises, so does the block, and nobody takes a part for the whole.
    """
    readable, writable = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(readable, False)
    _widen(readable)
    written = anyio.Event()

    async def run() -> None:
        await anyio.to_thread.run_sync(partial(_write, write, writable))
        written.set()

    with unwrapped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            try:
                yield _chunks(readable, written)
            finally:
                # Inside the group: a thread that writes for nobody ends only by this.
                os.close(readable)


async def consumed(chunks: AsyncIterator[bytes], read: Callable[[BinaryIO], None]) -> None:
    """Have a thread `read` the chunks. An error of the chunks counts more than what it makes of their abrupt end."""
    readable, writable = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writable, False)
    failures: list[Exception] = []

    async def feed() -> None:
        try:
            async for chunk in chunks:
                await _send(writable, chunk)
        except BrokenPipeError:
            return  # the reader has what it wants, or failed and says so itself
        except Exception as exc:  # noqa: BLE001 - raised below, after the reader has ended
            failures.append(exc)
        finally:
            os.close(writable)

    try:
        with unwrapped():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(feed)
                await anyio.to_thread.run_sync(partial(_read, read, readable))
    except Exception:
        if failures:
            raise failures[0] from None
        raise
    if failures:
        raise failures[0]


def _write(write: Callable[[BinaryIO], None], writable: int) -> None:
    try:
        with os.fdopen(writable, "wb") as file:
            write(file)
    except BrokenPipeError:
        return  # nobody wants the rest


def _read(read: Callable[[BinaryIO], None], readable: int) -> None:
    with os.fdopen(readable, "rb") as file:
        read(file)


def _widen(pipe: int) -> None:
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        return  # the user has many pipes already: a narrow one is only slower


async def _chunks(readable: int, written: anyio.Event) -> AsyncIterator[bytes]:
    while True:
        try:
            chunk = os.read(readable, _CHUNK_BYTES)
        except BlockingIOError:
            await anyio.wait_readable(readable)
            continue
        if not chunk:
            break
        yield chunk
    await written.wait()  # else this is where the block is cancelled, and the writer's error raised


async def _send(writable: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(writable, rest) :]
        except BlockingIOError:
            await anyio.wait_writable(writable)
