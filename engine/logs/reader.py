"""Reading a container's log: all of it or the tail, and following it by inotify as conmon writes.

conmon rotates by renaming a new file over the log: a follower reads the old one to its end and goes on with the new.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import anyio

from engine.logs.k8s_file import STDERR, STDOUT, LogEntry, Parser, tail_start

_CHUNK_BYTES = 1 << 16
BOTH_STREAMS = frozenset({STDOUT, STDERR})


async def read_log(
    path: Path,
    *,
    since_ns: int = 0,
    until_ns: int | None = None,
    tail: int | None = None,
    streams: frozenset[int] = BOTH_STREAMS,
    follow_until: anyio.Event | None = None,
) -> AsyncGenerator[LogEntry, None]:
    """Yield the entries of a log; a missing file has none.

    `tail` entries of the wanted streams are taken first, then those in [`since_ns`, `until_ns`]. Without
    `follow_until` only what is there is read; with it, whatever is written until that event is set, and then the rest.
    """
    parser = Parser(streams, since_ns=since_ns)
    with contextlib.closing(_File(path)) as file:
        if tail is not None:
            file.seek_tail(tail, streams)
        watch = _Watch(path) if follow_until else None
        with watch or contextlib.nullcontext():
            async for entry in _entries(file, parser, watch, follow_until, until_ns):
                if until_ns is not None and entry.time_ns > until_ns:
                    return
                yield entry


async def _entries(
    file: _File, parser: Parser, watch: _Watch | None, until: anyio.Event | None, until_ns: int | None
) -> AsyncIterator[LogEntry]:
    while True:
        # Asked before reading: what was written before the event is then certainly read.
        is_last = watch is None or until is None or until.is_set()
        while chunk := file.read():
            for entry in parser.feed(chunk):
                yield entry
            await anyio.lowlevel.checkpoint()
        if file.is_replaced():
            # Nothing is written to the old file any more, but something may have been since the last read.
            while chunk := file.read():
                for entry in parser.feed(chunk):
                    yield entry
            file.reopen()
            continue
        if watch is None or until is None or is_last:
            break
        if not await watch.changed(until, until_ns):
            break
    for entry in parser.finish():
        yield entry


class _File:
    """The log as it is now at its path; reads are small and from the page cache."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._inode = 0
        self.reopen()

    def is_replaced(self) -> bool:
        """Whether another file is at the path now than the one being read."""
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return False

    def reopen(self) -> None:
        """Go on with the file that is at the path now, if there is one."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            self._inode = os.fstat(self._descriptor).st_ino

    def read(self) -> bytes:
        """The next bytes; empty at the end."""
        return b"" if self._descriptor is None else os.read(self._descriptor, _CHUNK_BYTES)

    def seek_tail(self, count: int, streams: frozenset[int]) -> None:
        """Go to where the last `count` entries of these streams start, reading backwards from the end."""
        if self._descriptor is None:
            return
        end = os.fstat(self._descriptor).st_size
        start, wanted, window = end, count, b""
        found: int | None = None
        while start > 0 and found is None:
            size = min(max(_CHUNK_BYTES, len(window)), start)
            start -= size
            window = os.pread(self._descriptor, size, start) + window
            found = _tail_offset(window, wanted, streams, is_whole=start == 0)
        os.lseek(self._descriptor, start + (found or 0), os.SEEK_SET)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _tail_offset(window: bytes, count: int, streams: frozenset[int], *, is_whole: bool) -> int | None:
    """Where the last `count` entries start in a window that ends the file; None if it begins too late to say."""
    if count == 0:
        return len(window)
    lines = window.split(b"\n")
    unfinished = lines.pop()
    # The first line of a window is cut somewhere, so it cannot be judged.
    judged = lines if is_whole else lines[1:]
    index, _ = tail_start(judged, count, streams)
    if index is None:
        return 0 if is_whole else None
    return len(window) - len(unfinished) - sum(len(line) + 1 for line in judged[index:])


class _Watch:
    """Wakes when the log is written to or replaced."""

    def __init__(self, path: Path) -> None:
        # Not at the engine's start: 20 ms, and nobody follows a log yet.
        from asyncinotify import Inotify, Mask

        self._inotify = Inotify()
        # The directory's watch reports writes to the files in it, and renames: one watch survives every rotation.
        self._inotify.add_watch(path.parent, Mask.MODIFY | Mask.CREATE | Mask.MOVED_TO)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self._inotify.close()

    async def changed(self, until: anyio.Event, until_ns: int | None) -> bool:
        """Wait for a change or for the event; False when the time `until_ns` comes first."""
        seconds = None if until_ns is None else max(0.0, (until_ns - time.time_ns()) / 1e9)
        with anyio.move_on_after(seconds) as limit:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_when, until, tasks.cancel_scope)
                await anyio.wait_readable(self._inotify.fd)
                os.read(self._inotify.fd, _CHUNK_BYTES)
                tasks.cancel_scope.cancel()
        return not limit.cancelled_caught


async def _cancel_when(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


__all__ = ["BOTH_STREAMS", "LogEntry", "read_log"]
