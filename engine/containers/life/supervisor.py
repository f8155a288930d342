"""One task per living container: it waits for the end, settles it, and starts the container again if it should."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.abc
from msgspec import Struct
from msgspec.structs import replace

from engine.containers.concurrent import all_of
from engine.containers.container import Container, Run
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life import health, restart
from engine.containers.life.launching import Launcher
from engine.containers.life.lifecycle import Status, Verb, advance
from engine.containers.life.reviving import needs
from engine.containers.streams.logs import Logs
from engine.errors import Conflict, EngineError, RuntimeFailure, Unavailable
from engine.runtime.oci.launch import ExitStatus
from engine.undo import undo_on_error

log = logging.getLogger(__name__)

# How long a client that asked to be attached from the beginning may hold up the start.
_ATTACH_SECONDS = 5.0
# What `docker run` exits with when the engine itself is at fault.
_ENGINE_FAILED = 128


_FollowUp = tuple[Container, Callable[[], Awaitable[None]]]


class Probing(Protocol):
    """Watches a container's health until it is cancelled."""

    async def watch(self, container: Container, run: Run, check: health.Check) -> None: ...


class _Decision(Struct, frozen=True):
    """What follows an end."""

    delay_seconds: float | None
    is_removed: bool


class Supervisor:
    """Starts containers and looks after them. `tasks` is set while the engine runs, `is_closing` before the machine
    goes down, when nothing is started any more.
    """

    def __init__(self, drivers: Drivers, ledger: Ledger, launcher: Launcher, prober: Probing, logs: Logs) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._launcher = launcher
        self._prober = prober
        self._logs = logs
        self.tasks: anyio.abc.TaskGroup | None = None
        self._unfollowed: list[_FollowUp] = []
        self.is_closing = False
        self.remove: Callable[[Container], Awaitable[None]] | None = None

    async def start(
        self, container: Container, *, restart_count: int | None = None, restored_from: Path | None = None
    ) -> None:
        """Start a container and watch over it. The caller holds its lock. A start by hand sets `restart_count`.
        `restored_from` is a checkpoint to go on from.

        Raises `Conflict` in the wrong status and whatever a driver raises; everything acquired is given back then,
        and the record tells the error.
        """
        if self.tasks is None:
            raise Unavailable("the engine is not running yet")
        if self.is_closing:
            raise Unavailable("the machine is going down")
        if container.removals:
            raise Conflict("container is marked for removal and cannot be started")
        run = await self._launch(container, restart_count, restored_from)
        # It is None if the engine ended meanwhile: the next one looks after the container.
        if self.tasks is not None:  # pyright: ignore[reportUnnecessaryComparison]
            self.tasks.start_soon(self._supervise, container, run, name=f"container {container.id[:12]}")

    def watch(self, container: Container, run: Run) -> None:
        """Look after a container that already runs (after an engine restart)."""
        assert self.tasks is not None
        container.run = run
        self.tasks.start_soon(self._supervise, container, run, name=f"container {container.id[:12]}")

    async def settle(self, container: Container, status: ExitStatus) -> None:
        """Record the end of a container that nobody watched; `resume` does what follows from it.

        Restarts are counted from there: the one that follows from a new start of the engine is none, as in Docker.
        """
        run = container.run = Run()
        with anyio.CancelScope(shield=True):
            decision = await self._settle(container, run, status, restart_count=0)
        self._unfollowed.append((container, partial(self._follow, container, run, decision)))

    def resume(self, revived: Iterable[Container]) -> None:
        """Do what follows from the ends that were settled (a restart, `--rm`), and start the `revived` again.

        Each comes after those that it cannot run without.
        """
        assert self.tasks is not None
        acts: list[_FollowUp] = [*self._unfollowed]
        acts += [(container, partial(self._revive, container)) for container in revived]
        self._unfollowed = []
        needed = needs([container.record for container, _ in acts])
        tried = {container.id: anyio.Event() for container, _ in acts}

        async def follow(container: Container, act: Callable[[], Awaitable[None]]) -> None:
            for other in needed[container.id]:
                await tried[other].wait()
            try:
                await act()
            finally:
                tried[container.id].set()

        for container, act in acts:
            self.tasks.start_soon(follow, container, act, name=f"container {container.id[:12]}")

    async def _launch(self, container: Container, restart_count: int | None, restored_from: Path | None) -> Run:
        advance(container.status, Verb.START)
        count = container.record.restart_count if restart_count is None else restart_count
        try:
            return await self._acquire_and_start(container, count, restored_from)
        except (EngineError, OSError) as exc:
            code = exc.exit_code if isinstance(exc, RuntimeFailure) else _ENGINE_FAILED
            message = exc.message if isinstance(exc, EngineError) else str(exc)
            with anyio.CancelScope(shield=True):
                await container.change(error=message, exit_code=code)
            _let_connect(container)  # in vain: they see the end of the stream
            raise

    async def _acquire_and_start(self, container: Container, restart_count: int, restored_from: Path | None) -> Run:
        async with undo_on_error() as undo:
            undo.append(partial(self._launcher.give_back, container))
            await container.change(holds=True, error="", restart_count=restart_count)
            launch = replace(await self._launcher.acquire(container), restored_from=restored_from)
            pid = await self._drivers.runtime.create(launch)
            await self._let_attach(container)
            # Not to be torn apart: a process that runs is recorded and supervised.
            with anyio.CancelScope(shield=True):
                if restored_from is None:  # else it runs already
                    await self._drivers.runtime.start(container.id)
                run = await self._go(container, pid)
        self._ledger.publish(container, "start")
        return run

    async def _go(self, container: Container, pid: int) -> Run:
        check = health.check_of(container.record.config.healthcheck)
        run = Run()
        await container.move(
            Verb.START,
            pid=pid,
            started_ns=time.time_ns(),
            exit_code=0,
            is_oom_killed=False,
            is_manually_stopped=False,
            health=health.STARTING if check else "",
        )
        container.run = run
        container.condition = health.at_start(container.condition)
        _let_connect(container)  # who came while the process was being made, too late for the first words perhaps
        return run

    async def _let_attach(self, container: Container) -> None:
        """Let those who attached before the start connect before the first word is said."""
        waiting = list(container.attachments)
        _let_connect(container)
        with anyio.move_on_after(_ATTACH_SECONDS):
            for attachment in waiting:
                await attachment.is_settled.wait()

    async def _supervise(self, container: Container, run: Run) -> None:
        """Wait for the end and deal with it."""
        try:
            status = await self._wait(container, run)
            with anyio.CancelScope(shield=True):
                decision = await self._settle(container, run, status)
        except Exception:  # logged; one container's trouble must not end the engine and the other supervisors
            log.exception("container %s is no longer supervised", container.id[:12])
        else:
            await self._follow(container, run, decision)

    async def _wait(self, container: Container, run: Run) -> ExitStatus:
        check = health.check_of(container.record.config.healthcheck, container.record.config.shell)
        if check is None and not self._logs.is_kept_small(container):
            return await self._drivers.runtime.wait(container.id)
        async with anyio.create_task_group() as tasks:
            if check is not None:
                tasks.start_soon(self._prober.watch, container, run, check)
            tasks.start_soon(self._logs.keep, container)
            status = await self._drivers.runtime.wait(container.id)
            tasks.cancel_scope.cancel()
        return status

    async def _follow(self, container: Container, run: Run, decision: _Decision) -> None:
        """Do what follows from an end."""
        try:
            if decision.is_removed and self.remove is not None:
                await self.remove(container)
            elif decision.delay_seconds is not None:
                await self._restart_after(container, run, decision.delay_seconds)
        except Exception:  # logged; one container's trouble must not end the engine and the other supervisors
            log.exception("container %s: what had to follow its end was not done", container.id[:12])

    async def _settle(
        self, container: Container, run: Run, status: ExitStatus, *, restart_count: int | None = None
    ) -> _Decision:
        async with container.lock:
            record = container.record
            lived = max(status.finished_ns - record.started_ns, 0) / 1e9
            if status.oom_killed:
                self._ledger.publish(container, "oom")
            released = await self._launcher.release(container)
            is_manually_stopped = record.is_manually_stopped or run.is_meant_to_end
            ended = restart.Ended(status.exit_code, lived, is_manually_stopped, record.restart_count)
            decision = self._decide(container, ended)
            if restart_count is None:
                restart_count = record.restart_count + (decision.delay_seconds is not None)
            await container.move(
                Verb.EXIT if decision.delay_seconds is None else Verb.BACK_OFF,
                exit_code=status.exit_code,
                finished_ns=status.finished_ns,
                is_oom_killed=status.oom_killed,
                is_manually_stopped=is_manually_stopped,
                restart_count=restart_count,
                **(_unwatched(container) if record.health else {}),
                **released,
            )
            container.run = run if decision.delay_seconds is not None else None
            container.restart_wanted = anyio.Event()
            for _ in range(container.stops):
                self._ledger.publish(container, "stop")
            self._ledger.publish(container, "die", exitCode=str(status.exit_code), execDuration=str(int(lived)))
            run.ended.set()
            container.tell_ended()
        return decision

    def _decide(self, container: Container, ended: restart.Ended) -> _Decision:
        record = container.record
        if restart.wants_restart(record.host_config.restart_policy, ended):
            delay = restart.next_delay(container.restart_delay_seconds, ended.lived_seconds)
            container.restart_delay_seconds = delay
            return _Decision(delay, is_removed=False)
        container.restart_delay_seconds = 0.0
        return _Decision(None, is_removed=record.host_config.auto_remove and not container.is_restarting_by_hand)

    async def _restart_after(self, container: Container, run: Run, delay_seconds: float) -> None:
        with anyio.move_on_after(delay_seconds):
            await container.restart_wanted.wait()
        errors = await all_of(partial(self.restart_now, container, run))
        for error in errors:
            log.error("container %s could not be restarted", container.id[:12], exc_info=error)

    async def _revive(self, container: Container) -> None:
        """Start a container that its policy wants back after an engine start; a failure is logged."""
        async with container.lock:
            for error in await all_of(partial(self.start, container, restart_count=0)):
                log.error("container %s could not be started again", container.id[:12], exc_info=error)
                if container.status is Status.RESTARTING:
                    await container.move(Verb.EXIT)

    async def restart_now(self, container: Container, run: Run) -> None:
        """Start a container that waits for its restart, unless someone stopped it; if that fails, it has exited."""
        async with container.lock:
            # Before the machine goes down it stays marked, so that the next boot starts it.
            if container.run is not run or container.status is not Status.RESTARTING or self.is_closing:
                return
            try:
                await self.start(container)
            except (EngineError, OSError):
                with anyio.CancelScope(shield=True):
                    await container.move(Verb.EXIT)
                    container.run = None
                    container.tell_ended()
                raise


def _unwatched(container: Container) -> dict[str, Any]:
    """What is noted of the health of a container that has ended, in place of its last condition."""
    condition = health.at_rest(container.condition)
    return {"health": condition.status, "probes": list(condition.log)}


def _let_connect(container: Container) -> None:
    for attachment in container.attachments:
        attachment.may_connect.set()
