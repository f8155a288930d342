"""conmon's `k8s-file` log format: `<RFC 3339> stdout|stderr F|P <text>`, one line per line or part of one.

A line that did not come in one piece is written as parts (`P`) that end with a full line (`F`). conmon runs in UTC, so
the time has a fixed width; the offset is still read, for logs of an earlier engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

STDOUT = 1
STDERR = 2

# `2026-01-31T12:00:00.123456789+00:00 stdout F `: where the fields begin.
_STREAM_AT, _TAG_AT, _TEXT_AT = 36, 43, 45
_STREAMS = {b"stdout": STDOUT, b"stderr": STDERR}
# A line that never ends is handed on in pieces of about this size.
_LONGEST_BYTES = 1 << 20


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One line that a container wrote; `message` keeps its newline if it had one. `stream`: 1 stdout, 2 stderr."""

    stream: int
    time_ns: int
    message: bytes


class Parser:
    """Turns the bytes of a log, in pieces of any size, into entries of the wanted streams, none before `since_ns`.

    Parts are as old as they are: what a run of the container left without a newline is not of the next run's age.
    """

    def __init__(self, streams: frozenset[int], *, since_ns: int = 0) -> None:
        self._streams = streams
        self._since_ns = since_ns
        self._rest = b""
        self._parts: dict[int, tuple[int, list[bytes]]] = {}
        self._stamp = b""
        self._time_ns = 0

    def feed(self, content: bytes) -> list[LogEntry]:
        """The entries that are complete now, in the order of the log."""
        lines = (self._rest + content).split(b"\n")
        self._rest = lines.pop()
        return self._entries(lines)

    def finish(self) -> list[LogEntry]:
        """What was begun and will not be completed: the last lines without a newline. Starts afresh."""
        entries = [LogEntry(stream, time_ns, b"".join(parts)) for stream, (time_ns, parts) in self._parts.items()]
        self._parts.clear()
        self._rest = b""
        return entries

    def _entries(self, lines: Iterable[bytes]) -> list[LogEntry]:
        entries: list[LogEntry] = []
        wanted = self._streams
        for line in lines:
            stream = _STREAMS.get(line[_STREAM_AT : _TAG_AT - 1])
            if stream is None or stream not in wanted:
                continue
            stamp = line[: _STREAM_AT - 1]
            if stamp != self._stamp:
                self._time_ns = parse_stamp(stamp)
                self._stamp = stamp
            if self._time_ns < self._since_ns:
                continue
            if line[_TAG_AT] == 70 and stream not in self._parts:  # F, the usual case
                entries.append(LogEntry(stream, self._time_ns, line[_TEXT_AT:] + b"\n"))
            elif (entry := self._join(stream, line)) is not None:
                entries.append(entry)
        return entries

    def _join(self, stream: int, line: bytes) -> LogEntry | None:
        """Add a part to a line; returns the line if that completes it, or if it is too long to be kept."""
        time_ns, parts = self._parts.setdefault(stream, (self._time_ns, []))
        is_full = line[_TAG_AT : _TAG_AT + 1] == b"F"
        parts.append(line[_TEXT_AT:] + b"\n" if is_full else line[_TEXT_AT:])
        if not is_full and sum(map(len, parts)) < _LONGEST_BYTES:
            return None
        del self._parts[stream]
        return LogEntry(stream, time_ns, b"".join(parts))


def parse_stamp(stamp: bytes) -> int:
    """`2026-01-31T12:00:00.123456789+00:00` in nanoseconds since 1970; 0 for what is no time."""
    try:
        seconds = datetime.fromisoformat((stamp[:19] + stamp[29:]).decode("ascii")).timestamp()
        return int(seconds) * 1_000_000_000 + int(stamp[20:29])
    except ValueError:
        return 0


def tail_start(lines: list[bytes], count: int, streams: frozenset[int]) -> tuple[int | None, int]:
    """Find the last `count` entries in physical lines.

    Returns the index of the line at which they start, or None if there are fewer, and how many there are.
    """
    seen = 0
    open_streams = set(streams)
    for index in range(len(lines) - 1, -1, -1):
        stream = _STREAMS.get(lines[index][_STREAM_AT : _TAG_AT - 1])
        if stream is None or stream not in streams:
            continue
        is_full = lines[index][_TAG_AT : _TAG_AT + 1] == b"F"
        # Parts at the very end, with no full line after them, are an entry, too.
        if is_full or stream in open_streams:
            if seen == count:
                return index + 1, seen
            seen += 1
        open_streams.discard(stream)
    return None, seen
