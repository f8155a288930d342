"""After an engine start: records and kernel are brought together again, whatever ended the engine before."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from engine.containers.checkpoints import keeping
from engine.containers.container import Container, Run
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life import restart
from engine.containers.life.launching import Launcher
from engine.containers.life.lifecycle import ALIVE, Status, Verb
from engine.containers.life.removal import Remover
from engine.containers.life.supervisor import Supervisor
from engine.errors import EngineError, RuntimeFailure
from engine.kernel.threads import lengthy
from engine.network.records import Sandbox
from engine.runtime.oci.launch import ExitStatus
from engine.state.atomic import write_atomically

log = logging.getLogger(__name__)

# What Docker shows for a container whose end nobody saw (a machine that went down).
_UNKNOWN_EXIT_CODE = 255


class Recovery:
    """Adopts the living, settles the dead, finishes what was half done."""

    def __init__(
        self, drivers: Drivers, ledger: Ledger, launcher: Launcher, supervisor: Supervisor, remover: Remover
    ) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._launcher = launcher
        self._supervisor = supervisor
        self._remover = remover

    async def run(self) -> list[Container]:
        """Do it all; returns the containers that their policy wants started now.

        What goes wrong with one container is logged and does not keep the engine from starting.
        """
        revived = []
        is_new_boot = _note_boot(self._drivers.paths.root / "boot")
        async with anyio.create_task_group() as ends:
            for container in self._ledger:
                try:
                    if await self._recover(container, ends, is_new_boot=is_new_boot):
                        revived.append(container)
                except (EngineError, OSError):
                    log.exception("container %s could not be recovered", container.id[:12])
        known = self._ledger.ids()
        await self._drivers.runtime.recover(known)
        await self._drivers.snapshots.recover(known)
        return revived

    async def _recover(self, container: Container, ends: TaskGroup, *, is_new_boot: bool) -> bool:
        record = container.record
        if record.is_at_rest or record.status is Status.PAUSED:  # perhaps for a checkpoint
            await lengthy(keeping.settle, self._launcher.home(container.id))
        if record.status in ALIVE:
            await self._recover_living(container, ends)
        elif record.status is Status.REMOVING:
            await self._remover.finish(container)
        else:
            if record.holds:
                # Died between taking and recording: the client got an error or none at all.
                await self._launcher.give_back(container)
            return await self._is_revived(container, is_new_boot=is_new_boot)
        return False

    async def _recover_living(self, container: Container, ends: TaskGroup) -> None:
        found = await self._drivers.runtime.adopt(container.id)
        if isinstance(found, ExitStatus):
            ends.start_soon(self._settle, container, found)
        elif found is None:
            ends.start_soon(self._settle, container, ExitStatus(_UNKNOWN_EXIT_CODE, False, time.time_ns()))
        else:
            if sandbox := await self._drivers.networks.adopt_sandbox(container.id):
                await self._note_networks(container, sandbox)
            if container.record.is_at_rest:
                await self._wake(container)
            await self._note_freeze(container)
            self._supervisor.watch(container, Run())

    async def _settle(self, container: Container, status: ExitStatus) -> None:
        try:
            await self._supervisor.settle(container, status)
        except (EngineError, OSError):
            log.exception("the end of container %s could not be recorded", container.id[:12])

    async def _note_networks(self, container: Container, sandbox: Sandbox) -> None:
        """Take from the networks where a container is: the engine may have died in a connect or disconnect."""
        wishes = {endpoint.network_name: endpoint.wishes for endpoint in sandbox.endpoints}
        known = container.record.networks
        if wishes.keys() != known.keys():
            kept = {name: wish for name, wish in known.items() if name in wishes}  # the first one stays the first
            await container.change(networks={**kept, **{name: wishes[name] for name in wishes if name not in kept}})

    async def _note_freeze(self, container: Container) -> None:
        """Take from the kernel whether a container is paused: the engine may have died before it noted that."""
        is_frozen = self._drivers.runtime.is_frozen(container.id)
        if is_frozen != (container.status is Status.PAUSED):
            await container.move(Verb.PAUSE if is_frozen else Verb.UNPAUSE)

    async def _wake(self, container: Container) -> None:
        """Let a container go on that was only paused while an image was made of it."""
        try:
            await self._drivers.runtime.resume(container.id)
        except RuntimeFailure:
            log.debug("container %s was not paused yet", container.id[:12])
        if container.status is Status.PAUSED:
            await container.move(Verb.UNPAUSE)
        await container.change(is_at_rest=False)

    async def _is_revived(self, container: Container, *, is_new_boot: bool) -> bool:
        record = container.record
        if record.status not in (Status.EXITED, Status.RESTARTING):
            return False
        ended = restart.Ended(record.exit_code, 0.0, record.is_manually_stopped, record.restart_count)
        if restart.wants_revival(record.host_config.restart_policy, ended, is_new_boot=is_new_boot):
            return True
        if record.status is Status.RESTARTING:
            await container.move(Verb.EXIT)
        return False


def _note_boot(file: Path) -> bool:
    """Whether the machine was started since the last call; remembers this boot."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    is_new = not file.exists() or file.read_bytes() != boot
    if is_new:
        write_atomically(file, boot)
    return is_new
