"""The report of a failed service: what failed and when, its last output, and who was waiting for it. Pure."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET

from compose.errors import ServiceFailed
from compose.plan.actions import WaitFor
from engine.wire.containers import ContainerInspect, ContainerState
from engine.wire.times import ZERO, parse_time

LOG_LINES = 10
NO_HEALTH_CHECK = "has no health check"
_WORDS = {"healthy": "healthy", "completed": "completed successfully", "running": "running"}
_SIGNALLED = 128  # a program that a signal ended has this and the signal's number as its exit code


def ending(state: ContainerState) -> str:
    """`exited with code 137 (SIGKILL, out of memory) at 12:00:01, 0.4 s after its start`."""
    reasons = [name for name in (_signal(state.exit_code), "out of memory" if state.oom_killed else "") if name]
    text = f"exited with code {state.exit_code}" + (f" ({', '.join(reasons)})" if reasons else "")
    if ZERO not in (state.finished_at, state.started_at):
        lived = (parse_time(state.finished_at) - parse_time(state.started_at)) / 1e9
        text += f" at {_clock(state.finished_at)}, {max(lived, 0):.1f} s after its start"
    return f"{text}: {state.error}" if state.error else text


def ailing(state: ContainerState) -> str:
    """`is unhealthy: 3 probes in a row have failed since 11:59:31, the last at 12:00:01`.

    The engine keeps five probes: of a longer row nobody knows any more when it began.
    """
    health = state.health
    if health is UNSET or not health.log:
        return "is unhealthy"
    count = max(health.failing_streak, 1)
    probes = "1 probe has" if count == 1 else f"{count} probes in a row have"
    first = health.log[-count].start if 1 < count <= len(health.log) else ""
    since = f" since {_clock(first)}" if first else ""
    last = f", the last at {_clock(health.log[-1].end)}" if health.log[-1].end else ""
    return f"is unhealthy: {probes} failed{since}{last}"


def pending(state: ContainerState) -> str:
    """What a container is that was waited for in vain: `is running, its health: starting`."""
    health = "" if state.health is UNSET else state.health.status
    return f"is {state.status}" + (f", its health: {health}" if health not in ("", "none") else "")


def failed(action: WaitFor, name: str, found: ContainerInspect, failure: str, log: Sequence[str]) -> ServiceFailed:
    """The error that ends a wait for container `name`; `log` are the last lines that it wrote."""
    story = [f"container {name} {failure}"]
    if action.waiting:
        verb = "waits" if len(action.waiting) == 1 else "wait"
        story.append(f"  {', '.join(action.waiting)} {verb} for {action.service} to be {_WORDS[action.condition]}")
    health = found.state.health
    if health is not UNSET and health.log and health.log[-1].exit_code:
        probe = health.log[-1]
        story.append(f"  last health probe exited with code {probe.exit_code}:")
        story += [f"    {line}" for line in probe.output.strip().splitlines()]
    if log:
        story.append("  last lines of its log:")
        story += [f"    {line}" for line in log]
    hint = f"see `pycompose logs {action.service}`"
    if failure == NO_HEALTH_CHECK:
        hint = f"give service {action.service} a `healthcheck`, or depend on it by `service_started`"
    return ServiceFailed("\n".join(story), hint=hint)


def _signal(exit_code: int) -> str:
    try:
        return signal.Signals(exit_code - _SIGNALLED).name if exit_code > _SIGNALLED else ""
    except ValueError:
        return ""


def _clock(time: str) -> str:
    """The time of day where the reader is."""
    return datetime.fromtimestamp(parse_time(time) / 1e9).astimezone().strftime("%H:%M:%S")
