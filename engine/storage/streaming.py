"""Threads that write and threads or coroutines that read, with a pipe between them: memory stays bounded whatever the
sizes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial
from typing import Final, Generic, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from engine.errors import EngineError
from engine.storage.compression import Read

P = TypeVar("P")
C = TypeVar("C")
Write = Callable[[bytes], object]

_PIPE_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 18


class BrokenOff(EngineError):
    """Who was to send something went away in the middle of it."""


class _Producer(Generic[P]):
    """A thread that writes into a pipe and closes its end when it is done."""

    def __init__(self, produce: Callable[[Write], P], writable: int) -> None:
        self._produce = produce
        self._writable = writable
        self._results: list[P] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="produce")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._produce(partial(write_all, self._writable)))
        except BaseException as exc:  # noqa: BLE001 - raised again by `result`, on the caller's thread
            self.error = exc
        finally:
            os.close(self._writable)

    def join(self) -> None:
        """Wait for the end. Who does not read any more closes the pipe first: the thread may wait for room in it."""
        self._thread.join()

    def result(self) -> P:
        """What `produce` returned, once it has ended; raises its error."""
        if self.error is not None:
            raise self.error
        return self._results[0]


def piped(produce: Callable[[Write], P], consume: Callable[[Read], C]) -> tuple[P, C]:
    """Run `produce` on a thread of its own and feed what it writes to `consume`; return the results of both.

    Blocks. Raises the producer's error, else the consumer's; when the one fails, the other ends, too.
    """
    readable, writable = _pipe()
    producer = _Producer(produce, writable)
    try:
        consumed = consume(lambda size: os.read(readable, size))
    except BaseException:
        os.close(readable)
        producer.join()
        if producer.error is not None and not isinstance(producer.error, BrokenPipeError):
            raise producer.error from None
        raise
    os.close(readable)
    producer.join()
    return producer.result(), consumed


async def streamed(produce: Callable[[Write], object]) -> AsyncGenerator[bytes, None]:
    """Run `produce` on a thread of its own and yield what it writes; its error is raised after what came before it.

    It owns no task, so whoever iterates may stop at any point: then `produce` meets a `BrokenPipeError`, and has
    ended before the generator is closed.
    """
    readable, writable = _pipe()
    os.set_blocking(readable, False)
    producer = _Producer(produce, writable)
    try:
        while True:
            try:
                chunk = os.read(readable, _CHUNK_BYTES)
            except BlockingIOError:
                await anyio.wait_readable(readable)
                continue
            if not chunk:
                break
            yield chunk
    finally:
        os.close(readable)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(producer.join)
    producer.result()


async def consumed(chunks: AsyncIterator[bytes], consume: Callable[[Read], C]) -> C:
    """Run `consume` on a worker thread and feed it `chunks`; return its result. What it does not read is let go.

    Raises the error of either. When the chunks break off, or the caller is cancelled, `consume` meets `BrokenOff`, so
    that it takes no half for the whole; it has ended when this returns.
    """
    readable, writable = _pipe()
    os.set_blocking(writable, False)
    is_whole = False

    def read(size: int) -> bytes:
        data = os.read(readable, size)
        if not data and not is_whole:
            raise BrokenOff("the sender went away before everything was there")
        return data

    def run() -> C:
        try:
            return consume(read)
        finally:
            os.close(readable)

    async def feed() -> None:
        nonlocal is_whole
        try:
            async for batch in _batched(chunks):
                await _write_soon(writable, batch)
            is_whole = True
        except BrokenPipeError:
            return  # it has all it needs, or failed and says why
        finally:
            os.close(writable)

    results: list[C] = []

    async def work() -> None:
        # Shielded: a thread cannot be cancelled, but ends soon once nobody feeds it.
        try:
            with anyio.CancelScope(shield=True):
                results.append(await anyio.to_thread.run_sync(run))
        except BrokenOff:
            await anyio.lowlevel.checkpoint()  # ends here: the feeder's error, or the cancellation, is what happened
            raise
        tasks.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            tasks.start_soon(feed)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return results[0]


async def _batched(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in longer pieces: each that changes threads makes both wait for the interpreter's lock."""
    batch: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        batch.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= _CHUNK_BYTES:
            yield b"".join(batch)
            batch, size_bytes = [], 0
    if batch:
        yield b"".join(batch)


async def _write_soon(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            await anyio.wait_writable(descriptor)


def _pipe() -> tuple[int, int]:
    readable, writable = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # more than the system allows us: slower, but as right
        fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return readable, writable


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
