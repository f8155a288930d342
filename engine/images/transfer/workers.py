"""Threads for one kind of work, as many as the settings say at the time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Workers:
    """Runs what it is given, `most()` at a time; a change counts for what is given from then on."""

    def __init__(self, name: str, most: Callable[[], int]) -> None:
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._threads = 0
        self._pool: ThreadPoolExecutor | None = None

    @property
    def most(self) -> int:
        """How many work at a time."""
        return self._most()

    def submit(self, act: Callable[[], object]) -> None:
        """Queue `act`, which raises nothing."""
        with self._lock:
            if self._pool is None or self._threads != self.most:
                if self._pool is not None:
                    self._pool.shutdown(wait=False)  # what it was given it still does
                self._threads = self.most
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
            self._pool.submit(act)
