"""conmon's `k8s-file` log format: `<RFC 3339> stdout|stderr F|P <text>`, one line per line or part of one.

A line that did not come in one piece is written as parts (`P`) that end with a full line (`F`). conmon runs in UTC, so
the time has a fixed width; the offset is still read, for logs of an earlier engine. Messages are Docker's: a line with
its newline, or a piece of `PIECE_BYTES` of one that is longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

STDOUT: Final = 1
STDERR: Final = 2
PIECE_BYTES: Final = 1 << 14

# `2026-01-31T12:00:00.123456789+00:00 stdout F `: where the fields begin.
_STREAM_AT, _TAG_AT, _TEXT_AT = 36, 43, 45
_STREAMS = {b"stdout": STDOUT, b"stderr": STDERR}
_FULL = ord("F")


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """One message that a container wrote; it keeps its newline if it had one. `stream`: 1 stdout, 2 stderr."""

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
        self._parts: dict[int, tuple[int, bytes]] = {}
        self._stamp = b""
        self._time_ns = 0

    def feed(self, content: bytes) -> list[LogEntry]:
        """The entries that are complete now, in the order of the log."""
        lines = (self._rest + content).split(b"\n")
        self._rest = lines.pop()
        return self._entries(lines)

    def finish(self) -> list[LogEntry]:
        """What was begun and will not be completed: the last lines without a newline. Starts afresh."""
        entries = [LogEntry(stream, time_ns, text) for stream, (time_ns, text) in self._parts.items() if text]
        self._parts.clear()
        self._rest = b""
        return entries

    def _entries(self, lines: Iterable[bytes]) -> list[LogEntry]:
        entries: list[LogEntry] = []
        wanted, parts, since_ns = self._streams, self._parts, self._since_ns
        for line in lines:
            stream = _STREAMS.get(line[_STREAM_AT : _TAG_AT - 1])
            if stream is None or stream not in wanted:
                continue
            stamp = line[: _STREAM_AT - 1]
            if stamp != self._stamp:
                self._time_ns = parse_stamp(stamp)
                self._stamp = stamp
            if self._time_ns < since_ns:
                continue
            text = line[_TEXT_AT:]
            if line[_TAG_AT] == _FULL and stream not in parts and len(text) < PIECE_BYTES:  # the usual case
                entries.append(LogEntry(stream, self._time_ns, text + b"\n"))
            else:
                entries += self._join(stream, text, is_full=line[_TAG_AT] == _FULL)
        return entries

    def _join(self, stream: int, text: bytes, *, is_full: bool) -> list[LogEntry]:
        """Add a part to a line; returns the pieces that are complete now."""
        time_ns, begun = self._parts.pop(stream, (self._time_ns, b""))
        whole = begun + text
        ends = range(PIECE_BYTES, len(whole) + 1, PIECE_BYTES)
        entries = [LogEntry(stream, time_ns, whole[end - PIECE_BYTES : end]) for end in ends]
        rest = whole[len(entries) * PIECE_BYTES :]
        if is_full:
            entries.append(LogEntry(stream, time_ns, rest + b"\n"))
        else:
            self._parts[stream] = (time_ns, rest)
        return entries


def parse_stamp(stamp: bytes) -> int:
    """`2026-01-31T12:00:00.123456789+00:00` in nanoseconds since 1970; 0 for what is no time."""
    try:
        seconds = datetime.fromisoformat((stamp[:19] + stamp[29:]).decode("ascii")).timestamp()
        return int(seconds) * 1_000_000_000 + int(stamp[20:29])
    except ValueError:
        return 0


class TailScan:
    """Finds the last `count` messages of these streams in lines that are given backwards, block by block.

    `surplus` is by how many the messages from there on are more: a long line is several messages, and not all of them
    may be wanted.
    """

    def __init__(self, count: int, streams: frozenset[int]) -> None:
        self._count = count
        self._streams = streams
        self._seen = 0
        # Per stream, the line whose end was met: its length so far, and whether it has its newline.
        self._lines: dict[int, tuple[int, bool]] = {}

    @property
    def surplus(self) -> int:
        """How many messages too many were found."""
        return max(0, self._seen - self._count)

    def feed(self, block: list[bytes]) -> int | None:
        """Look at the lines before those of the last call; the index of the first wanted one, None to go on."""
        for index in range(len(block) - 1, -1, -1):
            line = block[index]
            stream = _STREAMS.get(line[_STREAM_AT : _TAG_AT - 1])
            if stream is None or stream not in self._streams:
                continue
            is_full = line[_TAG_AT : _TAG_AT + 1] == b"F"
            # Parts at the very end, with no full line after them, are a line, too.
            is_end = is_full or stream not in self._lines
            if is_end and self._seen >= self._count:
                return index + 1
            length, has_newline = (0, is_full) if is_end else self._lines[stream]
            before = 0 if is_end else _pieces(length, has_newline=has_newline)
            length += len(line) - _TEXT_AT
            self._lines[stream] = (length, has_newline)
            self._seen += _pieces(length, has_newline=has_newline) - before
        return None


def _pieces(length: int, *, has_newline: bool) -> int:
    return length // PIECE_BYTES + 1 if has_newline else max(1, -(-length // PIECE_BYTES))
