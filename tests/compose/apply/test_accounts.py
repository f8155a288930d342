"""How failures are told."""

from __future__ import annotations

import re

import pytest

from compose.apply.accounts import ailing, ending, failed, pending
from compose.plan.actions import WaitFor
from engine.wire.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerState,
    Health,
    HealthcheckResult,
    HostConfig,
    NetworkSettings,
)

START, END = "2024-05-01T12:00:00.5Z", "2024-05-01T12:00:02.75Z"


@pytest.mark.parametrize(
    ("code", "oom", "expected"),
    [
        (0, False, "exited with code 0"),
        (3, False, "exited with code 3"),
        (137, False, "exited with code 137 (SIGKILL)"),
        (137, True, "exited with code 137 (SIGKILL, out of memory)"),
        (1, True, "exited with code 1 (out of memory)"),
        (139, False, "exited with code 139 (SIGSEGV)"),
        (255, False, "exited with code 255"),
    ],
)
def test_an_end_is_told_with_signal_and_want_of_memory(code: int, oom: bool, expected: str) -> None:
    assert ending(ContainerState(status="exited", exit_code=code, oom_killed=oom)) == expected


def test_an_end_is_told_with_its_time_and_how_long_it_took() -> None:
    told = ending(ContainerState(status="exited", exit_code=1, started_at=START, finished_at=END))
    assert told.startswith("exited with code 1 at ")
    assert told.endswith(":02, 2.2 s after its start")


def test_what_the_engine_says_of_an_end_is_told() -> None:
    assert ending(ContainerState(status="exited", exit_code=127, error="no such file")).endswith(": no such file")


def test_bad_health_is_told_with_the_number_of_probes() -> None:
    probes = [HealthcheckResult(start=START, end=END, exit_code=1, output="refused")]
    told = ailing(ContainerState(status="running", health=Health(status="unhealthy", failing_streak=3, log=probes)))
    assert told.startswith("is unhealthy: 3 probes in a row have failed, the last at ")


@pytest.mark.parametrize(("streak", "since"), [(1, ""), (2, "02"), (3, "01"), (4, "")])
def test_bad_health_is_told_with_its_beginning_where_the_engine_knows_it(streak: int, since: str) -> None:
    probes = [
        HealthcheckResult(start=f"2024-05-01T12:00:0{second}Z", end=END, exit_code=1, output="") for second in (1, 2, 3)
    ]
    told = ailing(ContainerState(status="running", health=Health(failing_streak=streak, log=probes)))
    found = re.search(r" since \d\d:\d\d:(\d\d), the last at ", told)
    assert (found[1] if found else "") == since


def test_what_was_waited_for_in_vain_is_told() -> None:
    assert pending(ContainerState(status="created")) == "is created"
    state = ContainerState(status="running", health=Health(status="starting"))
    assert pending(state) == "is running, its health: starting"


def test_a_failure_tells_who_waits_the_last_probe_and_the_last_lines() -> None:
    probes = [HealthcheckResult(start=START, end=END, exit_code=7, output="refused\n")]
    state = ContainerState(status="running", health=Health(status="unhealthy", failing_streak=1, log=probes))
    found = ContainerInspect(
        id="x",
        created=START,
        path="",
        args=[],
        state=state,
        image="",
        name="/app-db-1",
        host_config=HostConfig(),
        config=ContainerConfig(),
        network_settings=NetworkSettings(),
    )
    wait = WaitFor("db", ("app-db-1",), "healthy", "web depends on it", ("web", "job"))
    error = failed(wait, "app-db-1", found, "is unhealthy", ["listening", "oops"])
    assert error.message.splitlines() == [
        "container app-db-1 is unhealthy",
        "  web, job wait for db to be healthy",
        "  last health probe exited with code 7:",
        "    refused",
        "  last lines of its log:",
        "    listening",
        "    oops",
    ]
    assert error.hint == "see `pycompose logs db`"
