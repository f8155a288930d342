"""Taking a checkpoint of a running container, after which it goes on or ends.

The container is frozen first and stays so until the checkpoint is safe on the disk; only then it is killed. So an
engine that dies on the way leaves either a container that runs on (the next engine thaws it) or a checkpoint and no
container, and nothing that a process did is in neither of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from msgspec import Struct

from engine.containers.checkpoints import keeping
from engine.containers.container import Container, Run
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life.lifecycle import Status, Verb
from engine.containers.life.stopping import mark_meant_to_end
from engine.errors import Conflict, EngineError, saying
from engine.kernel.threads import lengthy


class Wish(Struct, frozen=True):
    """A checkpoint to be made. `directory` is where, "" for the container's own; with `exits` the container ends."""

    name: str
    directory: str = ""
    exits: bool = True


class Taker:
    """Makes checkpoints."""

    def __init__(self, drivers: Drivers, ledger: Ledger) -> None:
        self._drivers = drivers
        self._ledger = ledger

    async def take(self, container: Container, wish: Wish, *, called: str) -> None:
        """Make a checkpoint of a container that the client calls `called`. With `exits` it has ended on return, and its
        restart policy does not bring it back.

        Raises `Conflict` if it does not run, `Unavailable` where CRIU does not work, `EngineError` for a taken name,
        `RuntimeFailure` if a process cannot be written down. After an error the container is as it was.
        """
        home = self._drivers.paths.containers / container.id
        root = keeping.root_of(home, wish.directory)
        async with container.lock:
            run = _running(container)
            _check_keeps(container, wish)
            await self._drivers.runtime.require_checkpoints(container.record.host_config.runtime)
            with saying(f"cannot checkpoint container {called}"):
                target = await lengthy(keeping.vacant, root, wish.name, called)
            with saying(f"Cannot checkpoint container {called}"):
                async with self._frozen(container):
                    await self._write(container, await lengthy(keeping.Begun, home, target))
                    if wish.exits:
                        await self._kill(container)
            self._ledger.publish(container, "checkpoint")
        if wish.exits:
            await run.ended.wait()

    async def _write(self, container: Container, begun: keeping.Begun) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self._drivers.runtime.checkpoint(container.id, begun.directory, lock=begun.lock)
                await lengthy(begun.finish, self._note(container))
            except OSError as exc:
                await lengthy(begun.discard)
                raise EngineError(f"the checkpoint cannot be written: {exc}") from exc
            except BaseException:
                await lengthy(begun.discard)
                raise

    def _note(self, container: Container) -> keeping.Note:
        sandbox = self._drivers.networks.sandbox(container.id)
        places = sandbox.endpoints if sandbox else ()
        return keeping.Note(addresses={place.network_name: (place.address, place.address6) for place in places})

    async def _kill(self, container: Container) -> None:
        with anyio.CancelScope(shield=True):
            await mark_meant_to_end(container)
            self._drivers.runtime.kill_frozen(container.id)

    @asynccontextmanager
    async def _frozen(self, container: Container) -> AsyncIterator[None]:
        """Nothing happens in the container while the block lasts. One that was paused before stays so, if it lives."""
        if container.status is Status.PAUSED:
            yield
            return
        # Noted first: if the engine dies meanwhile, the next one lets the container go on.
        await container.change(is_at_rest=True)
        try:
            await self._drivers.runtime.pause(container.id)
            await container.move(Verb.PAUSE)  # health checks rest, too
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._let_go_on(container)

    async def _let_go_on(self, container: Container) -> None:
        if self._drivers.runtime.is_frozen(container.id):
            await self._drivers.runtime.resume(container.id)
        if container.status is Status.PAUSED:
            await container.move(Verb.UNPAUSE)
        if container.run is not None:
            container.run.resumed.set()
        await container.change(is_at_rest=False)


def _running(container: Container) -> Run:
    if not container.is_alive or container.run is None:
        raise Conflict(f"container {container.id} is not running")
    return container.run


def _check_keeps(container: Container, wish: Wish) -> None:
    if wish.exits and not wish.directory and container.record.host_config.auto_remove:
        raise Conflict(
            f"container {container.id} is removed at its end (--rm), and its checkpoint would go with it",
            hint="give the checkpoint a directory of its own (--checkpoint-dir), or leave the container running",
        )
