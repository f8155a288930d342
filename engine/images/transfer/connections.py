"""What everything that speaks to registries shares: the connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread

from engine.registry.interrupt import Interrupt
from engine.registry.limits import Limits
from engine.registry.settings import RegistrySettings
from engine.wire.images import AuthConfig

if TYPE_CHECKING:
    from engine.registry.client import RegistryClient
    from engine.registry.upload import RegistryWriter
    from engine.registry.web import Web

T = TypeVar("T")


class Connections:
    """Clients of registries, made on worker threads: an engine that asks none needs no HTTP client."""

    def __init__(self, settings: RegistrySettings) -> None:
        self.settings = settings
        self._web: Web | None = None
        self._lock = threading.Lock()
        self._sessions = 0

    def limits(self) -> Limits:
        """How much may be asked of registries at once, now."""
        return self.settings.limits

    def use(self, settings: RegistrySettings) -> None:
        """Take up other settings. What is under way ends with the old ones."""
        with self._lock:
            before, self._web = self._web, None
            self.settings = settings
        if before is not None and not self._sessions:
            before.close()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Around everything that one call does: connections are kept while there are calls, not for ever."""
        self._sessions += 1
        try:
            yield
        finally:
            self._sessions -= 1
            if not self._sessions and self._web is not None:
                self._web.close()

    def reader(self, registry: str, auth: AuthConfig | None) -> RegistryClient:
        """A client that pulls. For worker threads."""
        from engine.registry.client import RegistryClient

        return RegistryClient(registry, self.settings, auth, self.web())

    def writer(self, registry: str, auth: AuthConfig | None) -> RegistryWriter:
        """A client that pushes. For worker threads."""
        from engine.registry.upload import RegistryWriter

        return RegistryWriter(registry, self.settings, auth, self.web())

    def web(self) -> Web:
        """The connections themselves. For worker threads."""
        from engine.registry.web import Web

        with self._lock:
            if self._web is None:
                self._web = Web(self.settings)
            return self._web


async def interruptible(interrupt: Interrupt, act: Callable[[], T]) -> T:
    """Run `act` on a thread; when this call is cancelled, call it off by its interrupt and do not wait for it."""
    try:
        return await anyio.to_thread.run_sync(act, abandon_on_cancel=True)
    except BaseException:
        interrupt.trigger()
        raise
