"""Reading a container's log, all of its files or the tail of them, and following it as conmon writes and rotates."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Final

import anyio
import anyio.lowlevel
import anyio.to_thread
from msgspec import Struct

from engine.logs.files import LogFiles
from engine.logs.k8s_file import STDERR, STDOUT, LogEntry, Parser, TailScan
from engine.logs.watch import Bell, LogWatch

_CHUNK_BYTES: Final = 1 << 16
BOTH_STREAMS: Final = frozenset({STDOUT, STDERR})
# A log that is written without a pause is read this often, which costs a fraction of waking for every write.
_PACE_SECONDS: Final = 0.005
_BUSY_SECONDS: Final = 0.05


class Follow(Struct, frozen=True):
    """Whatever is written until `until` is set, and then the rest."""

    watch: LogWatch
    until: anyio.Event


async def read_log(
    log: LogFiles,
    *,
    since_ns: int = 0,
    until_ns: int | None = None,
    tail: int | None = None,
    streams: frozenset[int] = BOTH_STREAMS,
    follow: Follow | None = None,
) -> AsyncGenerator[list[LogEntry], None]:
    """Yield the entries of a log, some at a time; a missing log has none.

    `tail` entries of the wanted streams are taken first, then those in [`since_ns`, `until_ns`]. Without `follow` only
    what is there is read.
    """
    parser = Parser(streams, since_ns=since_ns)
    cursor = _Cursor(log)
    try:
        surplus = await anyio.to_thread.run_sync(cursor.seek, tail, streams)
        async for entries in _entries(cursor, parser, follow, until_ns):
            wanted = entries[surplus:]
            surplus -= min(surplus, len(entries))
            if until_ns is not None and wanted and wanted[-1].time_ns > until_ns:
                if early := [entry for entry in wanted if entry.time_ns <= until_ns]:
                    yield early
                return
            if wanted:
                yield wanted
    finally:
        cursor.close()


async def _entries(
    cursor: _Cursor, parser: Parser, follow: Follow | None, until_ns: int | None
) -> AsyncGenerator[list[LogEntry], None]:
    if follow is None:
        async for entries in _rest(cursor, parser):
            yield entries
    else:
        with follow.watch.place(cursor.directory) as bell:
            is_last = False
            while not is_last:
                # Asked before reading: what was written before the event is then certainly read.
                is_last = follow.until.is_set()
                if is_last:
                    cursor.settle()
                async for entries in _rest(cursor, parser):
                    yield entries
                if not is_last and not await _more(bell, follow.until, until_ns):
                    break
    yield parser.finish()


async def _rest(cursor: _Cursor, parser: Parser) -> AsyncGenerator[list[LogEntry], None]:
    """All that is there now, over all files."""
    while True:
        while chunk := cursor.read():
            yield parser.feed(chunk)
            await anyio.lowlevel.checkpoint()
        if not cursor.is_full:
            return
        # Nothing is written to a full file any more, but something may have been since the last read.
        while chunk := cursor.read():
            yield parser.feed(chunk)
        await anyio.to_thread.run_sync(cursor.advance)


async def _more(bell: Bell, until: anyio.Event, until_ns: int | None) -> bool:
    """Wait for a change or for the event; False when the time `until_ns` comes first."""
    began = time.monotonic()
    seconds = None if until_ns is None else max(0.0, (until_ns - time.time_ns()) / 1e9)
    with anyio.move_on_after(seconds) as limit:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when, until, tasks.cancel_scope)
            await bell.wait()
            tasks.cancel_scope.cancel()
    if time.monotonic() - began < _BUSY_SECONDS:
        await anyio.sleep(_PACE_SECONDS)
    return not limit.cancelled_caught


async def _cancel_when(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


class _Cursor:
    """Where a reader is in the files of a log. Reads are small and from the page cache."""

    def __init__(self, log: LogFiles) -> None:
        log.settle()
        self._log = log
        self._descriptor: int | None = None
        self._number = log.current
        log.readers[self] = 0  # until it is known where it begins, everything is spared

    @property
    def directory(self) -> Path:
        """Where the log is."""
        return self._log.path.parent

    @property
    def is_full(self) -> bool:
        """Whether another file follows the one being read."""
        return self._number < self._log.current

    def settle(self) -> None:
        """Notice a rotation that nobody else has noticed yet: a container may begin a new file with its last words."""
        self._log.settle()

    def seek(self, tail: int | None, streams: frozenset[int]) -> int:
        """Go to the beginning, or to where the last entries are; returns how many of them to skip. May block."""
        current = self._log.current  # asked first: a file that is full by then is in the list as well
        numbers = [number for number in self._log.full() if number < current] + [current]
        if tail is None:
            self._go(numbers[0])
            return 0
        scan = TailScan(tail, streams)
        for number in reversed(numbers):
            self._go(number)
            if self._descriptor is not None and (start := _scan_back(self._descriptor, scan, tail)) is not None:
                os.lseek(self._descriptor, start, os.SEEK_SET)
                break
        return scan.surplus

    def read(self) -> bytes:
        """The next bytes; empty at the end. A log that somebody emptied is read from its beginning."""
        if self._descriptor is None:
            if self.is_full:
                return b""
            self._descriptor = self._log.open(self._number)
            if self._descriptor is None:
                return b""
        chunk = os.read(self._descriptor, _CHUNK_BYTES)
        if not chunk and os.fstat(self._descriptor).st_size < os.lseek(self._descriptor, 0, os.SEEK_CUR):
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        return chunk

    def advance(self) -> None:
        """Go on with the next file that there still is. May block."""
        # Counted up, not looked for: between a look at the files and one at `current` the log may be rotated.
        self._go(self._number + 1)
        while self._descriptor is None and self.is_full:
            self._go(self._number + 1)
        self._log.prune()

    def close(self) -> None:
        """Let go of everything."""
        self._drop()
        del self._log.readers[self]
        self._log.prune()

    def _go(self, number: int) -> None:
        self._drop()
        self._descriptor = self._log.open(number)
        self._number = self._log.readers[self] = number

    def _drop(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _scan_back(descriptor: int, scan: TailScan, tail: int) -> int | None:
    """Where the wanted entries start in this file; None if they start before it."""
    end = os.fstat(descriptor).st_size
    if tail == 0:
        return end
    for offset, lines in _blocks_backwards(descriptor, end):
        if (index := scan.feed(lines)) is not None:
            return offset + sum(len(line) + 1 for line in lines[:index])
    return None


def _blocks_backwards(descriptor: int, end: int) -> Iterator[tuple[int, list[bytes]]]:
    """Whole lines and where the first of them starts, from the end of a file to its beginning."""
    start, rest = end, b""
    while start > 0:
        size = min(_CHUNK_BYTES, start)
        start -= size
        lines = (os.pread(descriptor, size, start) + rest).split(b"\n")
        # What follows the last newline: nothing, or in the file's last block a line that is just being written.
        lines.pop()
        cut = lines.pop(0) + b"\n" if start and lines else b""
        if lines:
            yield start + len(cut), lines
        rest = cut


__all__ = ["BOTH_STREAMS", "Follow", "LogEntry", "LogFiles", "read_log"]
