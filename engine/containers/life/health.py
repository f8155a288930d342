"""When a container is probed and what the results mean. Pure: ages are seconds since the container's start.

Until the first success the probes follow each other quickly, at once after the start and then in doubling distances,
so that a dependant waits no longer than it must. Docker would have probed only every `interval`; so that a slow
start is judged no harsher than there, only failures that are an interval apart count towards `retries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct, structs

from engine.errors import BadRequest
from engine.wire.containers import HealthcheckResult, HealthConfig

STARTING: Final = "starting"
HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"

_FIRST_DELAY_SECONDS: Final = 0.05
_INTERVAL_SECONDS: Final = 30.0
_TIMEOUT_SECONDS: Final = 30.0
_START_INTERVAL_SECONDS: Final = 5.0
_RETRIES: Final = 3
_REMEMBERED: Final = 5
_SHORTEST_NS: Final = 1_000_000
_DEFAULT_SHELL: Final = ("/bin/sh", "-c")


class Check(Struct, frozen=True):
    """A health check with every default filled in."""

    command: tuple[str, ...]
    interval_seconds: float
    timeout_seconds: float
    retries: int
    start_period_seconds: float
    start_interval_seconds: float


class Condition(Struct, frozen=True):
    """What the probes said so far. `counted_at` is the age at the last failure that counted."""

    status: str = STARTING
    failing_streak: int = 0
    log: tuple[HealthcheckResult, ...] = ()
    has_succeeded: bool = False
    probes: int = 0
    counted_at: float = 0.0


def check_of(config: HealthConfig | None, shell: list[str] | None = None) -> Check | None:
    """The check that a container's configuration asks for, None if it has none or one of a kind that nobody knows."""
    if config is None or not config.test or config.test[0] not in ("CMD", "CMD-SHELL"):
        return None
    kind, *words = config.test
    command = (*(shell or _DEFAULT_SHELL), *words) if kind == "CMD-SHELL" else tuple(words)
    return Check(
        command=command,
        interval_seconds=_seconds(config.interval, _INTERVAL_SECONDS),
        timeout_seconds=_seconds(config.timeout, _TIMEOUT_SECONDS),
        retries=config.retries or _RETRIES,
        start_period_seconds=_seconds(config.start_period, 0.0),
        start_interval_seconds=_seconds(config.start_interval, _START_INTERVAL_SECONDS),
    )


def validate(config: HealthConfig) -> None:
    """Raise `BadRequest` for a check that cannot be, in Docker's words."""
    for name, value in (
        ("Interval", config.interval),
        ("Timeout", config.timeout),
        ("StartPeriod", config.start_period),
        ("StartInterval", config.start_interval),
    ):
        if value and value < _SHORTEST_NS:
            raise BadRequest(f"{name} in Healthcheck cannot be less than 1ms")
    if config.retries < 0:
        raise BadRequest("Retries in Healthcheck cannot be negative")
    # A kind that nobody knows is no check at all. Docker accepts the one without a command too, and dies of its probe.
    if config.test and config.test[0] in ("CMD", "CMD-SHELL") and len(config.test) < 2:
        raise BadRequest("Healthcheck has no command")


def at_start(before: Condition) -> Condition:
    """The condition as the container starts again: nothing is known, but what earlier probes said stays in sight."""
    return Condition(log=before.log)


def at_rest(before: Condition) -> Condition:
    """The condition as nobody probes any more, because the container is paused or has ended: Docker calls it unhealthy
    until a probe says something else.
    """
    return structs.replace(before, status=UNHEALTHY)


def remembered(status: str, log: Sequence[HealthcheckResult]) -> Condition:
    """The condition of a container whose probes an earlier engine ran."""
    is_settled = status in (HEALTHY, UNHEALTHY)
    return Condition(status=status or STARTING, log=tuple(log), has_succeeded=is_settled)


def after_probe(before: Condition, check: Check, result: HealthcheckResult, age_seconds: float) -> Condition:
    """The condition after a probe that began at `age_seconds`."""
    log = (*before.log, result)[-_REMEMBERED:]
    probes = before.probes + 1
    if result.exit_code == 0:
        return Condition(HEALTHY, 0, log, has_succeeded=True, probes=probes, counted_at=age_seconds)
    streak, counted_at, status = before.failing_streak, before.counted_at, before.status
    if _counts(before, check, age_seconds):
        streak, counted_at = streak + 1, age_seconds
        if streak >= check.retries:
            status = UNHEALTHY
    return Condition(status, streak, log, before.has_succeeded, probes, counted_at)


def seconds_to_next(condition: Condition, check: Check, age_seconds: float) -> float:
    """How long after a probe that ended at `age_seconds` the next one begins."""
    if condition.has_succeeded or condition.probes == 0:
        return check.interval_seconds if condition.probes else 0.0
    in_start_period = condition.status == STARTING and age_seconds < check.start_period_seconds
    longest = check.start_interval_seconds if in_start_period else check.interval_seconds
    quick = _FIRST_DELAY_SECONDS * 2.0 ** min(condition.probes - 1, 32)
    until_it_counts = condition.counted_at + check.interval_seconds - age_seconds
    if not in_start_period and until_it_counts > 0:
        longest = min(longest, until_it_counts)
    return min(quick, longest)


def _counts(before: Condition, check: Check, age_seconds: float) -> bool:
    if before.has_succeeded:
        return True
    if before.status == STARTING and age_seconds < check.start_period_seconds:
        return False
    return age_seconds >= before.counted_at + check.interval_seconds


def _seconds(nanoseconds: int, default: float) -> float:
    return nanoseconds / 1e9 if nanoseconds else default
