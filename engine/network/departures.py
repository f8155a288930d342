"""Letting go of namespaces and bridges, many at once.

The kernel takes namespaces down in batches, and for each batch it waits several times until nobody reads what goes:
fifty containers that end one after another are ten batches, which take the processors from those that still have to
end, and the locks from the bridge that has to go as well. So a namespace is held until no more of them come, and the
links of a bridge that is gone are seen off behind the back of whoever asked for its removal. Nothing runs in what is
held, and it was silenced. An engine that dies lets go of everything.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

import anyio.to_thread

from engine.kernel.namespaces import drop_network_namespace
from engine.network.kernel import departing
from engine.network.kernel.linkviews import LinkView
from engine.network.lingering import Lingering

T = TypeVar("T")

# Longer than a project's containers take from one end to the next, and nothing that anybody would notice.
_HOLD_SECONDS: Final = 0.2
_MOST_HELD: Final = 64


class Departures:
    """What is on its way out. While `run` runs, things go at most `linger_seconds` (and never much) later; before and
    after it, and with 0 seconds, they go at once.
    """

    def __init__(self, linger_seconds: float) -> None:
        self._lingering = Lingering(self._let_go, min(linger_seconds, _HOLD_SECONDS))
        self._held: deque[int] = deque()
        self._links: deque[LinkView] = deque()

    async def run(self) -> None:
        """Let go of things until cancelled, and then of the rest."""
        await self._lingering.run()

    def drop(self, path: Path, *, may_be_held: bool) -> None:
        """Let go of a namespace; its path is free at once. What is held goes after the next `ask`. Blocks."""
        if may_be_held and self._lingering.is_running:
            with contextlib.suppress(OSError):  # it is not there, or no more files can be opened: then it goes at once
                self._held.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        drop_network_namespace(path)
        if len(self._held) >= _MOST_HELD:
            self._close_held()

    async def ask(self) -> None:
        """Have what is held let go of, once no more comes."""
        if self._held:
            await self._lingering.ask()

    async def see_off(self, links: Mapping[int, LinkView]) -> None:
        """Have those links of a bridge that is gone deleted that do not go by themselves."""
        if not links:
            return
        if self._lingering.is_running:
            self._links.extend(links.values())
            await self._lingering.ask()
        else:
            await anyio.to_thread.run_sync(departing.see_off, links)

    async def _let_go(self) -> None:
        await anyio.to_thread.run_sync(self._let_go_now)

    def _let_go_now(self) -> None:
        self._close_held()
        if links := {link.index: link for link in _taken(self._links)}:
            departing.see_off(links)

    def _close_held(self) -> None:
        for descriptor in _taken(self._held):
            os.close(descriptor)


def _taken(items: deque[T]) -> Iterator[T]:
    """Take out what is there, also while others do."""
    with contextlib.suppress(IndexError):  # that was all
        while True:
            yield items.popleft()
