"""Waiting for containers by the engine's events: no polling.

An event only wakes a waiter, which then inspects its container, so neither order nor repetition of events matters.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.abc
from msgspec import UNSET, Struct

from compose.apply.accounts import LOG_LINES, NO_HEALTH_CHECK, ailing, ending, failed, pending
from compose.apply.parallel import all_of, unwrapped
from compose.apply.refusals import refusals
from compose.errors import EngineUnavailable, ServiceFailed
from compose.plan import labels
from compose.plan.actions import Awaited, WaitFor
from engine.client import ApiError, EngineClient
from engine.wire.containers import ContainerInspect
from engine.wire.system import EventMessage

# What was just started has to live this long to count as running: a program with a wrong option ends sooner. docker
# compose looks for the first time after as long.
_SETTLING_SECONDS = 0.5


class Verdict(Struct, frozen=True):
    """Whether the wait is over, and why it failed ("" when it did not): then it is over as well."""

    is_over: bool
    failure: str = ""


_REACHED = Verdict(is_over=True)
_NOT_YET = Verdict(is_over=False)


def judge(found: ContainerInspect, condition: Awaited) -> Verdict:
    """Is the container as it is waited for, can it still become so, or has it failed?"""
    state = found.state
    health = "" if state.health is UNSET else state.health.status
    if state.status in ("exited", "dead"):
        if condition == "completed" and state.exit_code == 0:
            return _REACHED
        return Verdict(is_over=True, failure=ending(state))
    if condition == "completed":
        return _NOT_YET
    if condition == "healthy" and health in ("", "none"):
        return Verdict(is_over=True, failure=NO_HEALTH_CHECK)
    if health == "unhealthy":
        return Verdict(is_over=True, failure=ailing(state))
    is_well = health == "healthy" or (condition == "running" and health in ("", "none"))
    return _REACHED if is_well and state.status == "running" else _NOT_YET


class Patience:
    """How long everything may take to become as it is waited for; without `seconds` as long as it takes.

    What is done inside its `scope` is called off at the end.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = math.inf if seconds is None else seconds
        self.scope = anyio.CancelScope()

    def begin(self) -> None:
        """From the first start on, time counts: what comes before it depends on registries and builds."""
        if self.scope.deadline == math.inf:
            self.scope.deadline = anyio.current_time() + self.seconds


class Waiter:
    """Wakes those who wait for a container whenever the engine tells of it. Made by `watching`."""

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine
        self._wakes: dict[str, anyio.Event] = {}
        self._pending: dict[tuple[WaitFor, str], str] = {}  # (wait, container's name) -> its id

    async def listen(self, events: AsyncIterator[EventMessage]) -> None:
        """Wake the waiters until the stream of events ends, which it never should."""
        with refusals("listening to the engine"):
            async for event in events:
                if wake := self._wakes.pop(event.actor.id, None):
                    wake.set()
        raise EngineUnavailable(
            "the engine ended while this command was waiting",
            hint="run the command again: containers go on without the engine",
        )

    async def until(self, action: WaitFor, ids: Mapping[str, str], started: Collection[str] = ()) -> None:
        """Return when every container of the service meets the condition; the `started` (ids) are new to life.

        Raises `ServiceFailed` with exit code, last probe and last output when one cannot meet it any more.
        """
        waits = []
        for name in action.containers:
            container = ids.get(name, name)
            is_settling = action.condition == "running" and container in started
            settled_at = anyio.current_time() + _SETTLING_SECONDS if is_settling else -math.inf
            waits.append(partial(self._until, action, name, container, settled_at))
        await all_of(waits)

    async def _until(self, action: WaitFor, name: str, container: str, settled_at: float) -> None:
        self._pending[action, name] = container
        while True:
            # First the wake, then the look: what happens in between is not missed.
            wake = self._wakes.setdefault(container, anyio.Event())
            with refusals(f"waiting for container {name}"):
                found = await self._engine.inspect_container(container)
            if found.id != container:
                container = found.id  # events tell of ids only
                continue
            verdict = judge(found, action.condition)
            if verdict.failure:
                raise await self._failed(action, name, found, verdict.failure)
            if verdict.is_over and (found.state.health is not UNSET or anyio.current_time() >= settled_at):
                del self._pending[action, name]
                return
            with anyio.CancelScope(deadline=settled_at if verdict.is_over else math.inf):
                await wake.wait()

    async def late(self, after_seconds: float) -> ServiceFailed:
        """The error that tells of all who are still waited for when time is up."""
        stories: list[str] = []
        for (action, name), container in self._pending.items():
            with refusals(f"waiting for container {name}"):
                found = await self._engine.inspect_container(container)
            error = failed(action, name, found, pending(found.state), await self._last_lines(found))
            stories += [error.message] if error.message not in stories else []
        names = " ".join(sorted({action.service for action, _ in self._pending}))
        return ServiceFailed(
            "\n".join([f"the project was not up within {after_seconds:g} s", *stories]),
            hint=f"see `pycompose logs {names}`" if names else "`pycompose ps -a` shows what is missing",
        )

    async def _failed(self, action: WaitFor, name: str, found: ContainerInspect, failure: str) -> ServiceFailed:
        return failed(action, name, found, failure, await self._last_lines(found))

    async def _last_lines(self, found: ContainerInspect) -> list[str]:
        output = bytearray()
        try:
            logs = self._engine.container_logs(found.id, tty=found.config.tty, tail=str(LOG_LINES))
            async for _, chunk in logs:
                output += chunk
        except ApiError:
            # A log driver without reading: the failure itself is what has to be told.
            return []
        return output.decode("utf-8", "replace").splitlines()[-LOG_LINES:]


@asynccontextmanager
async def watching(engine: EngineClient, project_name: str) -> AsyncIterator[Waiter]:
    """A `Waiter` whose subscription stands when the block begins."""
    filters = {"type": ["container"], "label": [f"{labels.PROJECT}={project_name}"]}
    waiter = Waiter(engine)
    with unwrapped(), refusals("listening to the engine"):
        async with engine.listening(filters=filters) as events, anyio.create_task_group() as tasks:
            tasks.start_soon(waiter.listen, events, name="events")
            yield waiter
            tasks.cancel_scope.cancel()
