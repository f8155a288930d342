"""Progress from worker threads to the one coroutine that reads it. A slow reader costs no memory: of the lines that
tell how far a layer is, only the newest waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Final

import anyio
from msgspec import UNSET

from engine.wire.images import Progress, ProgressDetail

_SHORT_DIGITS: Final = 12


class Feed:
    """Made by the reader, on its event loop. `tell` and `measure` are for any thread, `receive` for the reader."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._lines: list[Progress] = []
        self._measured: dict[str, int] = {}
        self._news = anyio.Event()

    def tell(self, digest: str, status: str) -> None:
        """A layer enters another phase."""
        line = Progress(id=short(digest), status=status, progress_detail=ProgressDetail())
        with self._lock:
            self._measured.pop(digest, None)
            self._lines.append(line)
        self.wake()

    def measure(self, digest: str, status: str, done_bytes: int, all_bytes: int) -> None:
        """A layer gets on. Replaces the layer's line if the reader has not taken it yet."""
        detail = ProgressDetail(current=done_bytes, total=all_bytes if all_bytes else UNSET)
        line = Progress(id=short(digest), status=status, progress_detail=detail)
        with self._lock:
            at = self._measured.get(digest)
            if at is not None:
                self._lines[at] = line
                return
            self._measured[digest] = len(self._lines)
            self._lines.append(line)
        self.wake()

    def wake(self) -> None:
        """Make the reader look."""
        # The loop may have ended with the engine while a worker was still on its way out.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake)

    def take(self) -> list[Progress]:
        """The lines since the last call."""
        with self._lock:
            lines, self._lines, self._measured = self._lines, [], {}
        return lines

    async def wait(self) -> None:
        """Wait until there may be something new."""
        await self._news.wait()
        self._news = anyio.Event()

    def _wake(self) -> None:
        self._news.set()


def short(digest: str) -> str:
    """A digest as people see it: twelve digits."""
    return digest.removeprefix("sha256:")[:_SHORT_DIGITS]
