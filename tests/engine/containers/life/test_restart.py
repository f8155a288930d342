"""Restart policies."""

from __future__ import annotations

import pytest

from engine.containers.life.restart import Ended, check, is_ever, next_delay, wants_restart, wants_revival
from engine.errors import BadRequest
from engine.wire.containers import RestartPolicy

ALWAYS = RestartPolicy(name="always")
UNLESS_STOPPED = RestartPolicy(name="unless-stopped")
ON_FAILURE = RestartPolicy(name="on-failure", maximum_retry_count=3)


def ended(exit_code: int = 0, *, by_hand: bool = False, restarts: int = 0) -> Ended:
    return Ended(exit_code, lived_seconds=1.0, is_manually_stopped=by_hand, restart_count=restarts)


@pytest.mark.parametrize(
    ("policy", "end", "restarts"),
    [
        (RestartPolicy(), ended(1), False),
        (RestartPolicy(name="no"), ended(1), False),
        (ALWAYS, ended(0), True),
        (ALWAYS, ended(0, by_hand=True), False),
        (UNLESS_STOPPED, ended(1), True),
        (UNLESS_STOPPED, ended(1, by_hand=True), False),
        (ON_FAILURE, ended(0), False),
        (ON_FAILURE, ended(1, restarts=2), True),
        (ON_FAILURE, ended(1, restarts=3), False),
        (RestartPolicy(name="on-failure"), ended(1, restarts=1000), True),
    ],
)
def test_a_policy_decides_by_exit_code_hand_and_count(policy: RestartPolicy, end: Ended, restarts: bool) -> None:
    assert wants_restart(policy, end) is restarts


def test_a_container_without_a_policy_never_starts_by_itself() -> None:
    assert not is_ever(RestartPolicy())
    assert not is_ever(RestartPolicy(name="no"))
    assert all(is_ever(policy) for policy in (ALWAYS, UNLESS_STOPPED, ON_FAILURE))


def test_the_wait_doubles_from_a_tenth_of_a_second_to_a_minute() -> None:
    delays = [0.0]
    for _ in range(12):
        delays.append(next_delay(delays[-1], lived_seconds=1.0))
    assert delays[1:5] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 60.0


def test_ten_seconds_of_life_forget_the_earlier_failures() -> None:
    assert next_delay(30.0, lived_seconds=9.9) == 60.0
    assert next_delay(30.0, lived_seconds=10.0) == 0.1


def test_a_stop_by_hand_holds_until_the_machine_starts_anew_and_unless_stopped_for_ever() -> None:
    stopped = ended(0, by_hand=True)
    assert not wants_revival(ALWAYS, stopped, is_new_boot=False)
    assert wants_revival(ALWAYS, stopped, is_new_boot=True)
    assert not wants_revival(UNLESS_STOPPED, stopped, is_new_boot=True)
    assert wants_revival(UNLESS_STOPPED, ended(0), is_new_boot=False)


def test_impossible_policies_are_refused() -> None:
    with pytest.raises(BadRequest, match="unknown policy 'sometimes'"):
        check(RestartPolicy(name="sometimes"), is_removed_at_exit=False)
    with pytest.raises(BadRequest, match="maximum retry count can only be used with 'on-failure'"):
        check(RestartPolicy(name="always", maximum_retry_count=1), is_removed_at_exit=False)
    with pytest.raises(BadRequest, match="AutoRemove"):
        check(ALWAYS, is_removed_at_exit=True)
