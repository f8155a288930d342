"""A lock per name: those who change the same thing take turns, and nobody waits for those who change another."""

from __future__ import annotations

from collections.abc import Hashable
from weakref import WeakValueDictionary

import anyio


class KeyedLock:
    """Locks by name. There is nothing to clean up: a lock goes when nobody holds it or waits for it.

    locks = KeyedLock()
    async with locks("data"):
        ...
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, anyio.Lock] = WeakValueDictionary()

    def __call__(self, key: Hashable) -> anyio.Lock:
        """The lock of a name, the same one for all who have it in their hands at a time."""
        return self._locks.setdefault(key, anyio.Lock(fast_acquire=True))

    def __len__(self) -> int:
        return len(self._locks)
