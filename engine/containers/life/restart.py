"""Restart policies and their back-off (Docker's: 100 ms doubling to a minute, forgotten after 10 s of life). Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.errors import BadRequest
from engine.wire.containers import RestartPolicy

_FIRST_DELAY_SECONDS: Final = 0.1
_LONGEST_DELAY_SECONDS: Final = 60.0
_STABLE_SECONDS: Final = 10.0
_NAMES: Final = ("", "no", "always", "unless-stopped", "on-failure")


class Ended(Struct, frozen=True):
    """A container's end, as far as a policy looks at it."""

    exit_code: int
    lived_seconds: float
    is_manually_stopped: bool
    restart_count: int


def is_ever(policy: RestartPolicy) -> bool:
    """Whether there are ends after which a container starts again by itself."""
    return policy.name not in ("", "no")


def next_delay(previous_seconds: float, lived_seconds: float) -> float:
    """How long to wait before the next start; `previous_seconds` is 0 when there was no restart yet."""
    if previous_seconds == 0 or lived_seconds >= _STABLE_SECONDS:
        return _FIRST_DELAY_SECONDS
    return min(previous_seconds * 2, _LONGEST_DELAY_SECONDS)


def wants_restart(policy: RestartPolicy, ended: Ended) -> bool:
    """Whether a container that ended starts again by itself. A stop or kill by hand ends every policy's effect."""
    if ended.is_manually_stopped:
        return False
    if policy.name == "on-failure":
        has_tries = policy.maximum_retry_count == 0 or ended.restart_count < policy.maximum_retry_count
        return ended.exit_code != 0 and has_tries
    return policy.name in ("always", "unless-stopped")


def wants_revival(policy: RestartPolicy, ended: Ended, *, is_new_boot: bool) -> bool:
    """Whether a container that is not alive when the engine starts is started.

    Docker starts an `always` container even after a stop by hand when its daemon starts. This engine comes and goes
    on demand, so for it only the machine's start counts as that.
    """
    return wants_restart(policy, ended) or (is_new_boot and policy.name == "always")


def check(policy: RestartPolicy, *, is_removed_at_exit: bool) -> None:
    """Raise `BadRequest` for a policy that cannot be, in Docker's words."""
    if policy.name not in _NAMES:
        raise BadRequest(
            f"invalid restart policy: unknown policy '{policy.name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if policy.maximum_retry_count and policy.name != "on-failure":
        raise BadRequest("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if policy.maximum_retry_count < 0:
        raise BadRequest("invalid restart policy: maximum retry count cannot be negative")
    if is_removed_at_exit and policy.name not in ("", "no"):
        raise BadRequest("can't create 'AutoRemove' container with restart policy")
