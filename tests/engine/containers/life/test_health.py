"""When containers are probed and what the results mean."""

from __future__ import annotations

import itertools

import pytest

from engine.containers.life.health import (
    HEALTHY,
    STARTING,
    UNHEALTHY,
    Check,
    Condition,
    after_probe,
    at_rest,
    at_start,
    check_of,
    remembered,
    seconds_to_next,
    validate,
)
from engine.errors import BadRequest
from engine.wire.containers import HealthcheckResult, HealthConfig

SECOND = 1_000_000_000
FAILED = HealthcheckResult(start="", end="", exit_code=1)
PASSED = HealthcheckResult(start="", end="", exit_code=0)


def check(**changes: float) -> Check:
    config = HealthConfig(
        test=["CMD", "probe"], **{name: int(value * SECOND) for name, value in changes.items() if name != "retries"}
    )
    found = check_of(config)
    assert found is not None
    return Check(
        found.command,
        found.interval_seconds,
        found.timeout_seconds,
        int(changes.get("retries", 3)),
        found.start_period_seconds,
        found.start_interval_seconds,
    )


def play(plan: Check, passes_from: float, until: float) -> tuple[list[float], list[tuple[float, str]]]:
    """Probe times, and the changes of the status, for probes that take no time and pass from some age on."""
    condition, age = Condition(), 0.0
    times: list[float] = []
    changes: list[tuple[float, str]] = []
    while True:
        age += seconds_to_next(condition, plan, age)
        if age > until:
            return times, changes
        times.append(round(age, 3))
        before = condition.status
        condition = after_probe(condition, plan, PASSED if age >= passes_from else FAILED, age)
        if condition.status != before:
            changes.append((round(age, 3), condition.status))


def test_the_first_probe_is_at_once_and_the_next_follow_quickly() -> None:
    times, changes = play(check(interval=30), passes_from=1.0, until=10)
    assert times[:5] == [0.0, 0.05, 0.15, 0.35, 0.75]
    assert changes == [(1.55, HEALTHY)]


def test_after_the_first_success_the_interval_holds() -> None:
    times, _ = play(check(interval=5), passes_from=0, until=16)
    assert times == [0.0, 5.0, 10.0, 15.0]


def test_a_slow_start_is_judged_no_sooner_than_docker_would() -> None:
    _, changes = play(check(interval=2, retries=3), passes_from=1000, until=60)
    assert changes == [(6.0, UNHEALTHY)]


def test_failures_in_the_start_period_do_not_count() -> None:
    plan = check(interval=1, start_period=10, start_interval=0.5, retries=2)
    times, changes = play(plan, passes_from=1000, until=20)
    assert max(after - before for before, after in itertools.pairwise(times) if after < 10) <= 0.5
    assert changes[0][1] == UNHEALTHY
    assert changes[0][0] >= 11


def test_a_success_in_the_start_period_ends_it() -> None:
    plan = check(interval=1, start_period=100, retries=1)
    condition = after_probe(Condition(), plan, PASSED, 1.0)
    assert condition.status == HEALTHY
    assert after_probe(condition, plan, FAILED, 2.0).status == UNHEALTHY


def test_one_success_heals() -> None:
    plan = check(interval=1, retries=2)
    sick = Condition(UNHEALTHY, failing_streak=7, has_succeeded=True, probes=9)
    healed = after_probe(sick, plan, PASSED, 50.0)
    assert (healed.status, healed.failing_streak) == (HEALTHY, 0)


def test_the_last_five_results_are_kept() -> None:
    condition, plan = Condition(), check(interval=1)
    for number in range(7):
        condition = after_probe(condition, plan, HealthcheckResult(start="", end="", exit_code=number), number)
    assert [result.exit_code for result in condition.log] == [2, 3, 4, 5, 6]
    assert condition.status in (STARTING, HEALTHY, UNHEALTHY)


def test_what_probes_said_stays_in_sight_over_a_restart_and_counts_no_more() -> None:
    before = Condition(UNHEALTHY, 4, (FAILED, PASSED, FAILED), has_succeeded=True, probes=9, counted_at=5.0)
    assert at_start(before) == Condition(STARTING, log=before.log)


def test_a_container_that_rests_is_unhealthy_until_the_next_probe_that_says_otherwise() -> None:
    plan = check(retries=2)
    resting = at_rest(Condition(HEALTHY, 0, (PASSED,), has_succeeded=True, probes=1))
    assert (resting.status, resting.failing_streak) == (UNHEALTHY, 0)
    assert after_probe(resting, plan, FAILED, 1.0).status == UNHEALTHY
    assert after_probe(resting, plan, PASSED, 1.0).status == HEALTHY


def test_probes_of_an_earlier_engine_are_remembered() -> None:
    assert remembered(UNHEALTHY, [FAILED]) == Condition(UNHEALTHY, log=(FAILED,), has_succeeded=True)
    assert remembered("", []) == Condition()


def test_commands_are_run_as_they_are_or_by_the_shell() -> None:
    shell = check_of(HealthConfig(test=["CMD-SHELL", "exit 0"]))
    assert shell is not None
    assert shell.command == ("/bin/sh", "-c", "exit 0")
    assert (shell.interval_seconds, shell.timeout_seconds, shell.retries) == (30, 30, 3)
    own = check_of(HealthConfig(test=["CMD-SHELL", "exit 0"]), ["/bin/bash", "-ec"])
    assert own is not None
    assert own.command == ("/bin/bash", "-ec", "exit 0")
    assert check_of(HealthConfig(test=["NONE"])) is None
    assert check_of(None) is None


def test_a_check_of_an_unknown_kind_is_no_check() -> None:
    unknown = HealthConfig(test=["EXEC", "x"])
    validate(unknown)
    assert check_of(unknown) is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (HealthConfig(test=["CMD"]), "no command"),
        (HealthConfig(interval=5), "Interval in Healthcheck cannot be less than 1ms"),
        (HealthConfig(retries=-1), "Retries"),
    ],
)
def test_impossible_checks_are_refused(config: HealthConfig, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        validate(config)
