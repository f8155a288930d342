"""Waking those who follow logs, or keep them small, when something is written: one inotify for a whole engine.

watch = LogWatch()
tasks.start_soon(watch.run)
with watch.place(directory) as bell:
    await bell.wait()
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio

from engine.kernel.inotify import CREATE, IGNORED, MODIFY, MOVED_TO, ONESHOT, Inotify

# A directory's watch reports the writes to the files in it, too, and survives every rotation.
_PLACE: Final = MODIFY | CREATE | MOVED_TO


class Bell:
    """Remembers one ring until somebody waits."""

    def __init__(self) -> None:
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Wake the one who waits, or who will."""
        self._rung.set()

    async def wait(self) -> None:
        """Return at the next ring, at once if there was one since the last wait."""
        await self._rung.wait()
        self._rung = anyio.Event()


class LogWatch:
    """The watches of one engine; `run` has to, for any bell to ring."""

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._bells: dict[int, list[Bell]] = {}

    async def run(self) -> None:
        """Ring for what happens, until cancelled; then the watches are gone."""
        try:
            while True:
                await anyio.wait_readable(self._inotify.descriptor)
                for number, mask in self._inotify.read():
                    self._ring(number, is_gone=bool(mask & IGNORED))
        finally:
            self._inotify.close()

    @contextmanager
    def place(self, directory: Path) -> Iterator[Bell]:
        """A bell that rings when a file in this directory is written, made or renamed. Raises `OSError`."""
        bell = Bell()
        number = self._inotify.add(directory, _PLACE)
        self._bells.setdefault(number, []).append(bell)
        try:
            yield bell
        finally:
            self._silence(number, bell)

    async def written(self, file: Path) -> None:
        """Return at the next write to a file; the kernel then tells of no other. Raises `OSError`."""
        bell = Bell()
        number = self._inotify.add(file, MODIFY | ONESHOT)
        self._bells.setdefault(number, []).append(bell)
        try:
            await bell.wait()
        finally:
            self._silence(number, bell)

    def _ring(self, number: int, *, is_gone: bool) -> None:
        for bell in self._bells.get(number, ()):
            bell.ring()
        if is_gone:
            self._bells.pop(number, None)

    def _silence(self, number: int, bell: Bell) -> None:
        bells = self._bells.get(number, [])
        if bell in bells:
            bells.remove(bell)
            if not bells:
                del self._bells[number]
                # The file itself may be gone, and its watch with it.
                with contextlib.suppress(OSError):
                    self._inotify.remove(number)
