"""The verbs that act on a living container: stop, kill, restart, pause, unpause."""

from __future__ import annotations

import contextlib
import logging
import signal as signals
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Final

import anyio

from engine.containers.concurrent import all_of
from engine.containers.container import REMOVED, Container, Run
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life import health, restart
from engine.containers.life.lifecycle import Status, Verb, advance
from engine.containers.life.supervisor import Supervisor
from engine.containers.signals import parse_signal
from engine.errors import Conflict, EngineError, NotModified, as_failure, saying

log = logging.getLogger(__name__)

_GRACE_SECONDS: Final = 10
# Memory may have to be given back first; Docker waits as long.
_KILL_SECONDS: Final = 12.0
_REMOVAL_SECONDS: Final = 5.0


class Stuck(EngineError):
    """A container lives on after SIGKILL. Nothing is given up: its end, once it comes, is seen as any other."""

    def __init__(self) -> None:
        super().__init__(
            "tried to kill container, but did not receive an exit event",
            hint="a process in it may be stuck in the kernel (state D in ps): wait, or mend what it waits for",
        )


class Stopper:
    """Stops containers, by all means."""

    def __init__(self, drivers: Drivers, ledger: Ledger, supervisor: Supervisor) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._supervisor = supervisor

    async def stop(self, container: Container, *, timeout_seconds: int | None, signal: str) -> None:
        """End a container: its stop signal, a grace period (-1: for ever), SIGKILL. Returns when it has ended, and is
        gone if it is removed at its end.

        Raises `NotModified` if it does not run, `Stuck` if not even SIGKILL ends it.
        """
        with saying(f"cannot stop container: {container.name}"):
            await self._stop(container, timeout_seconds=timeout_seconds, signal=signal)

    async def _stop(self, container: Container, *, timeout_seconds: int | None, signal: str) -> None:
        if not container.is_active:
            raise NotModified("container is already stopped")
        with as_failure():
            number = parse_signal(signal) if signal else stop_signal(container)
        async with _seen_off(container):
            with _stopping(container):
                if not await self._give_up_restart(container, is_meant_to_end=True):
                    await self._end(container, number, self._grace(container, timeout_seconds))
                elif container in self._ledger:
                    self._ledger.publish(container, "stop")

    async def kill(self, container: Container, *, signal: str) -> None:
        """Send a signal; after SIGKILL, return when the container has ended.

        Raises `Conflict` if it does not run, `Stuck` if not even SIGKILL ends it.
        """
        number = parse_signal(signal or "SIGKILL")
        if not container.is_active:
            raise Conflict(f"container {container.id} is not running")
        is_meant_to_end = number in (signals.SIGKILL, stop_signal(container))
        if await self._give_up_restart(container, is_meant_to_end=is_meant_to_end):
            return
        run = container.run
        await self._send(container, number)
        if number == signals.SIGKILL and run is not None:
            await _killed(run)

    async def end(self, container: Container) -> None:
        """Kill a container that is to be removed; one that has ended is fine."""
        if container.is_active:
            with (
                saying(f'cannot remove container "{container.name}": could not kill container'),
                contextlib.suppress(Conflict),
            ):
                await self.kill(container, signal="SIGKILL")

    async def bring_down(self) -> None:
        """End every container because the machine goes down, all at the same time. Nothing starts any more.

        None of them counts as stopped by hand: at the next boot their restart policies decide. What goes wrong with
        one is logged.
        """
        self._supervisor.is_closing = True
        living = [container for container in self._ledger if container.is_alive]
        for error in await all_of(*(partial(self._bring_down, container) for container in living)):
            log.error("a container could not be stopped before the machine goes down", exc_info=error)

    async def _bring_down(self, container: Container) -> None:
        removed = container.wait_for(REMOVED) if container.record.host_config.auto_remove else None
        with _stopping(container):
            await self._end(container, stop_signal(container), self._grace(container, None))
        if removed is not None:
            await removed

    async def restart(self, container: Container, *, timeout_seconds: int | None, signal: str) -> None:
        """Stop a container, if it runs, and start it."""
        container.is_restarting_by_hand = True
        try:
            with saying(f"Cannot restart container {container.name}"):
                if container.is_active:
                    await self._stop(container, timeout_seconds=timeout_seconds, signal=signal)
                async with container.lock:
                    # Whoever restarts it as well may have been quicker.
                    if container.status is not Status.RUNNING:
                        await self._supervisor.start(container, restart_count=0)
        finally:
            container.is_restarting_by_hand = False
        self._ledger.publish(container, "restart")

    async def pause(self, container: Container) -> None:
        """Freeze a running container. Raises `Conflict` in another status."""
        async with container.lock:
            _check(container, Verb.PAUSE)
            with anyio.CancelScope(shield=True):
                await self._drivers.runtime.pause(container.id)
                await container.move(Verb.PAUSE, **_unwatched(container))
        self._ledger.publish(container, "pause")

    async def unpause(self, container: Container) -> None:
        """Let a paused container go on. Raises `Conflict` in another status."""
        async with container.lock:
            await self._thaw(container)
        self._ledger.publish(container, "unpause")

    async def _thaw(self, container: Container) -> None:
        _check(container, Verb.UNPAUSE)
        with anyio.CancelScope(shield=True):
            await self._drivers.runtime.resume(container.id)
            await container.move(Verb.UNPAUSE)
        if container.run is not None:
            container.run.resumed.set()

    async def _end(self, container: Container, number: int, grace_seconds: float | None) -> None:
        run = container.run
        if run is None:
            return  # it ended by itself meanwhile
        await self._send(container, number)
        with anyio.move_on_after(grace_seconds):
            await run.ended.wait()
            return
        await self._send(container, signals.SIGKILL)
        await _killed(run)

    async def _send(self, container: Container, number: int) -> None:
        try:
            await self._drivers.runtime.kill(container.id, number)
        except Conflict:
            return  # it has just ended; its supervisor settles that
        self._ledger.publish(container, "kill", signal=str(number))
        # A frozen process takes no signal, not even SIGKILL on cgroup v1.
        async with container.lock:
            if container.status is Status.PAUSED:
                await self._thaw(container)

    async def _give_up_restart(self, container: Container, *, is_meant_to_end: bool) -> bool:
        """End the wait of a container for its restart; False if it does not wait. One that is meant to end is not
        restarted after its end either.
        """
        async with container.lock:
            # Under the lock: a restart that is on its way would take the mark for one of the run before.
            if is_meant_to_end and container.is_active:
                await mark_meant_to_end(container)
            if container.status is not Status.RESTARTING:
                return False
            with anyio.CancelScope(shield=True):
                await container.move(Verb.EXIT)
            container.run = None
            container.restart_wanted.set()
            container.tell_ended()
        return True

    def _grace(self, container: Container, timeout_seconds: int | None) -> float | None:
        seconds = timeout_seconds
        if seconds is None:
            seconds = container.record.config.stop_timeout
        if seconds is None:
            seconds = _GRACE_SECONDS
        return None if seconds < 0 else seconds


def _unwatched(container: Container) -> dict[str, str]:
    """Have a paused container that is probed count as unhealthy, as in Docker, but not for the moment of a commit."""
    if not container.record.health or container.record.is_at_rest:
        return {}
    container.condition = health.at_rest(container.condition)
    return {"health": container.condition.status}


@contextlib.contextmanager
def _stopping(container: Container) -> Iterator[None]:
    """Have the end of a container, should it come now, told as a stop."""
    container.stops += 1
    try:
        yield
    finally:
        container.stops -= 1


@contextlib.asynccontextmanager
async def _seen_off(container: Container) -> AsyncIterator[None]:
    """Go on when a container of `--rm` is gone: scripts use its name again. One that is stuck delays little."""
    if not container.record.host_config.auto_remove or container.is_restarting_by_hand:
        yield
        return
    removed = container.wait_for(REMOVED)
    try:
        yield
        with anyio.move_on_after(_REMOVAL_SECONDS):
            await removed
    finally:
        container.stop_waiting(removed)


def stop_signal(container: Container) -> int:
    """The signal that asks a container to end."""
    return parse_signal(container.record.config.stop_signal or "SIGTERM")


async def mark_meant_to_end(container: Container) -> None:
    """Have it known that a container ends because somebody wants it to."""
    if container.run is not None:
        container.run.is_meant_to_end = True
    # Without a policy that could revive it, it is soon enough to record that with its end.
    if container.run is None or restart.is_ever(container.record.host_config.restart_policy):
        await container.change(is_manually_stopped=True)


def _check(container: Container, verb: Verb) -> None:
    try:
        advance(container.status, verb)
    except Conflict as exc:
        noun = "container" if exc.message == "is not running" else "Container"  # as Docker spells it
        raise Conflict(f"{noun} {container.id} {exc.message}") from exc


async def _killed(run: Run) -> None:
    """Wait for the end of a container that was killed. Raises `Stuck`."""
    with anyio.move_on_after(_KILL_SECONDS):
        await run.ended.wait()
    if not run.ended.is_set():
        raise Stuck
