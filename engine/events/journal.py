"""The last events on disk, so that `since` reaches back beyond the engine's own start.

One file of JSON lines. Every event is written as it happens and left to the kernel to sync: it survives the engine's
death, and losing the last ones with the machine's power harms nobody. When the file has twice as many lines as are
remembered it is written anew. A disk that is full costs the record, never an event's listeners.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.errors import BadRequest
from engine.wire.codec import decode, encode
from engine.wire.system import EventMessage

log = logging.getLogger(__name__)

REMEMBERED: Final = 1024


class Journal:
    """The file and the events in it. Lives on one event loop; a write is some microseconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = deque(_lines(path), maxlen=REMEMBERED)
        self._written = 0
        self._descriptor = -1
        self._begin_anew()

    def past(self) -> Iterator[EventMessage]:
        """The events of earlier engines, oldest first. Lines that a crash has cut are left out."""
        for line in list(self._lines):
            try:
                yield decode(line, EventMessage)
            except BadRequest:
                log.debug("an event's record is damaged: %r", line)

    def append(self, event: EventMessage) -> None:
        """Write one event. Never fails: what cannot be written is only not remembered."""
        line = encode(event)
        self._lines.append(line)
        if self._written >= 2 * REMEMBERED:
            self._begin_anew()
            return
        try:
            if self._descriptor >= 0:
                os.write(self._descriptor, line + b"\n")
                self._written += 1
        except OSError as exc:
            log.warning("an event is not recorded: %s", exc.strerror)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _begin_anew(self) -> None:
        self.close()
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(b"".join(line + b"\n" for line in self._lines))
            fresh.replace(self._path)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as exc:
            log.warning("events are not recorded: %s: %s", self._path, exc.strerror)
        self._written = len(self._lines)


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()[-REMEMBERED:]
    except FileNotFoundError:
        return []
    except OSError as exc:
        log.warning("earlier events cannot be read: %s: %s", path, exc.strerror)
        return []
