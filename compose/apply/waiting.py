"""Waiting for containers by the engine's events: no polling.

An event only wakes a waiter, which then inspects its container, so neither order nor repetition of events matters.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import anyio
import anyio.abc
from msgspec import UNSET

from compose.apply.parallel import all_of, unwrapped
from compose.apply.refusals import refusals
from compose.errors import EngineUnavailable, ServiceFailed
from compose.plan import labels
from compose.plan.actions import Awaited, WaitFor
from engine.client import ApiError, EngineClient
from engine.wire.containers import ContainerInspect
from engine.wire.system import EventMessage

_LOG_LINES = 10
_WORDS = {"healthy": "healthy", "completed": "completed successfully", "running": "running"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the wait is over, and why it failed ("" when it did not)."""

    is_over: bool
    failure: str = ""


def judge(found: ContainerInspect, condition: Awaited) -> Verdict:
    """Is the container as it is waited for, can it still become so, or has it failed?"""
    state = found.state
    health = "" if state.health is UNSET else state.health.status
    if state.status in ("exited", "dead"):
        if condition == "completed" and state.exit_code == 0:
            return Verdict(True)
        return Verdict(True, f"exited with code {state.exit_code}" + (f": {state.error}" if state.error else ""))
    if condition == "completed":
        return Verdict(False)
    if condition == "healthy" and health in ("", "none"):
        return Verdict(True, "has no health check")
    if health == "unhealthy":
        return Verdict(True, "is unhealthy")
    is_well = health == "healthy" or (condition == "running" and health in ("", "none"))
    return Verdict(is_well and state.status == "running")


class Waiter:
    """Wakes those who wait for a container whenever the engine tells of it. Made by `watching`."""

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine
        self._wakes: dict[str, anyio.Event] = {}

    async def listen(self, events: AsyncIterator[EventMessage]) -> None:
        """Wake the waiters until the stream of events ends, which it never should."""
        with refusals("listening to the engine"):
            async for event in events:
                if wake := self._wakes.pop(event.actor.id, None):
                    wake.set()
        raise EngineUnavailable(
            "the engine ended while something was awaited",
            hint="run the command again: containers go on without the engine",
        )

    async def until(self, action: WaitFor, ids: dict[str, str]) -> None:
        """Return when every container of the service meets the condition.

        Raises `ServiceFailed` with exit code, last probe and last output when one cannot meet it any more.
        """
        await all_of([partial(self._until, action, name, ids.get(name, name)) for name in action.containers])

    async def _until(self, action: WaitFor, name: str, container: str) -> None:
        while True:
            # First the wake, then the look: what happens in between is not missed.
            wake = self._wakes.setdefault(container, anyio.Event())
            with refusals(f"waiting for container {name}"):
                found = await self._engine.inspect_container(container)
            verdict = judge(found, action.condition)
            if verdict.failure:
                raise await self._failed(action, name, found, verdict.failure)
            if verdict.is_over:
                return
            await wake.wait()

    async def _failed(self, action: WaitFor, name: str, found: ContainerInspect, failure: str) -> ServiceFailed:
        story = [f"container {name} {failure}"]
        if action.waiting:
            verb = "waits" if len(action.waiting) == 1 else "wait"
            story.append(f"  {', '.join(action.waiting)} {verb} for {action.service} to be {_WORDS[action.condition]}")
        health = found.state.health
        if health is not UNSET and health.log and health.log[-1].exit_code:
            probe = health.log[-1]
            story.append(f"  last health probe exited with code {probe.exit_code}:")
            story += [f"    {line}" for line in probe.output.strip().splitlines()]
        lines = await self._last_lines(found)
        if lines:
            story.append("  last lines of its log:")
            story += [f"    {line}" for line in lines]
        hint = f"see `pycompose logs {action.service}`"
        if failure == "has no health check":
            hint = f"give service {action.service} a `healthcheck`, or depend on it by `service_started`"
        return ServiceFailed("\n".join(story), hint=hint)

    async def _last_lines(self, found: ContainerInspect) -> list[str]:
        output = bytearray()
        try:
            logs = self._engine.container_logs(found.id, tty=found.config.tty, tail=str(_LOG_LINES))
            async for _, chunk in logs:
                output += chunk
        except ApiError:
            # A log driver without reading: the failure itself is what has to be told.
            return []
        return output.decode("utf-8", "replace").splitlines()[-_LOG_LINES:]


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
