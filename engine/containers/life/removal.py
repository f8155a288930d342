"""Removing containers: by request, at their exit (`--rm`), and what a crash left half removed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio

from engine.containers.container import REMOVED, Container
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life.launching import Launcher
from engine.containers.life.lifecycle import Status, Verb, advance, refusal
from engine.containers.making.sources import unshare_memory
from engine.containers.streams.exec import Execs
from engine.errors import Conflict, EngineError, NotFound
from engine.kernel.directories import remove_directory
from engine.kernel.threads import brief, lengthy

log = logging.getLogger(__name__)


class Remover:
    """Takes containers away."""

    def __init__(self, drivers: Drivers, ledger: Ledger, launcher: Launcher, execs: Execs) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._launcher = launcher
        self._execs = execs

    async def remove(self, container: Container, *, volumes: bool) -> None:
        """Remove a container that is not active, and its anonymous volumes if asked to.

        Raises `Conflict` in the wrong status. A removal that fails leaves a dead container, which can be removed again.
        """
        async with container.lock:
            status = container.status
            try:
                advance(status, Verb.REMOVE)
            except Conflict as exc:
                words = f'cannot remove container "{container.name}": {refusal(status, Verb.REMOVE)}'
                raise Conflict(words) from exc
            # Once begun it is done, even if the client has gone.
            with anyio.CancelScope(shield=True):
                await container.move(Verb.REMOVE)
                await self._finish(container, volumes=volumes)

    async def remove_by_force(
        self, container: Container, end: Callable[[Container], Awaitable[None]], *, volumes: bool
    ) -> None:
        """Remove a container in whatever status. One that is being removed already (`--rm`) is waited for.

        Meanwhile nobody starts it: a `restart` that waits for its end would come in between.
        """
        removed = container.wait_for(REMOVED)
        container.removals += 1
        try:
            while container in self._ledger:
                await end(container)
                try:
                    await self.remove(container, volumes=volumes)
                except (Conflict, NotFound):
                    if container in self._ledger and container.is_active:
                        continue  # a start that had begun before came in between; there is no other
                    if container in self._ledger and container.status is not Status.REMOVING:
                        raise
                    answer = await removed
                    if answer.error is not None:
                        raise EngineError(answer.error.message) from None
        finally:
            container.removals -= 1
            container.stop_waiting(removed)

    async def remove_unreadable(self, container_id: str) -> None:
        """Remove a container of whose record only the id is known, and end it; its volumes stay."""
        home = self._launcher.home(container_id)
        with anyio.CancelScope(shield=True):
            await self._drivers.runtime.delete(container_id)
            await self._drivers.networks.close_sandbox(container_id)
            await brief(unshare_memory, home)
            await lengthy(self._delete_files, container_id)
            await self._ledger.discard_unreadable(container_id)

    async def at_exit(self, container: Container) -> None:
        """Remove a `--rm` container, unless someone else does or has."""
        try:
            await self.remove(container, volumes=True)
        except (Conflict, NotFound):
            log.debug("container %s was removed by someone else", container.id[:12])
        except (EngineError, OSError):
            log.exception("container %s could not be removed at its exit", container.id[:12])

    async def finish(self, container: Container) -> None:
        """Finish a removal that a crash interrupted; a failure is logged and leaves a dead container."""
        try:
            async with container.lock:
                await self._finish(container, volumes=False)
        except (EngineError, OSError):
            log.exception("container %s could not be removed", container.id[:12])

    async def _finish(self, container: Container, *, volumes: bool) -> None:
        record = container.record
        attributes = container.event_attributes({})
        try:
            await self._give_back(container)
        except (EngineError, OSError) as exc:
            await container.move(Verb.FAIL, error=str(exc))
            container.tell_removed(record, str(exc))
            raise
        await self._ledger.discard(container)
        self._execs.forget(record.id)
        if volumes:
            await self._remove_volumes([mount.name for mount in record.mounts if mount.is_anonymous])
        self._drivers.events.publish("container", "destroy", record.id, attributes)
        container.tell_removed(record)

    async def _give_back(self, container: Container) -> None:
        if container.record.holds:
            await self._launcher.give_back(container)
        await lengthy(self._delete_files, container.id)

    def _delete_files(self, container_id: str) -> None:
        self._drivers.snapshots.remove_now(container_id)
        remove_directory(str(self._launcher.home(container_id)))

    async def _remove_volumes(self, names: list[str]) -> None:
        for name in names:
            try:
                await self._drivers.volumes.remove(name, force=True, used_by=self._ledger.volume_users)
            except Conflict:
                log.debug("volume %s stays: another container uses it", name)
