"""The command line interrupted, ended and killed at every request it makes: `up` and `down` go on from there.

An ordinary run tries some of the moments, `PYCOMPOSE_EVERY_STEP=1` all of them.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.cutting import run_cut
from tests.e2e.machine import Machine, json_lines

pytestmark = [pytest.mark.root, pytest.mark.net]

STEP = 1 if os.environ.get("PYCOMPOSE_EVERY_STEP") else 9
MOST = 120
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL]

STACK = """
name: cut
services:
  db:
    image: busybox
    init: true
    command: [sleep, "1000"]
    environment: {ROUND: "${ROUND:-0}"}
    volumes: [/precious, "named:/named"]
    healthcheck: {test: [CMD, "true"], interval: 1s}
  web:
    image: busybox
    init: true
    command: [sleep, "1000"]
    environment: {ROUND: "${ROUND:-0}"}
    configs: [settings]
    depends_on: {db: {condition: service_healthy, restart: true}}
  job: {image: busybox, command: ["true"], profiles: [tools], depends_on: [db]}
configs: {settings: {content: "round ${ROUND:-0}"}}
volumes: {named: {}}
"""


@pytest.fixture
def stack(machine: Machine, tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(STACK)
    return tmp_path


def check_up(machine: Machine, stack: Path, number: int) -> None:
    """`up` brings everything to this round, and is then done."""
    machine.pycompose("up", "-d", "-t", "0", "--wait", cwd=stack, ROUND=str(number))
    entries = json_lines(machine.pycompose("ps", "--all", "--format", "json", cwd=stack).stdout)
    found = {entry["Name"]: entry["State"] for entry in entries if "-run-" not in entry["Name"]}
    assert found == {"cut-db-1": "running", "cut-web-1": "running"}
    assert machine.pycompose("exec", "-T", "web", "cat", "/settings", cwd=stack).stdout == f"round {number}"
    again = machine.pycompose("plan", "--exit-code", cwd=stack, succeeds=False, ROUND=str(number))
    assert again.returncode == 0, again.stdout


def check_end(code: int, by: signal.Signals, err: str) -> None:
    assert code == (-signal.SIGKILL if by == signal.SIGKILL else 130), err
    assert "Traceback" not in err


@pytest.mark.parametrize("by", SIGNALS, ids=lambda item: item.name)
@pytest.mark.parametrize("arguments", [("up", "-d"), ("up", "-d", "--wait", "--force-recreate")], ids=" ".join)
def test_up_can_be_cut_off_anywhere(
    machine: Machine, stack: Path, arguments: tuple[str, ...], by: signal.Signals
) -> None:
    check_up(machine, stack, 0)
    machine.pycompose("exec", "-T", "db", "sh", "-c", "echo kept > /precious/file", cwd=stack)
    for number in range(1 + SIGNALS.index(by) % STEP, MOST, STEP):
        done, has_cut = run_cut(machine, [*arguments, "-t", "0"], cwd=stack, at=number, by=by, ROUND=str(number))
        if not has_cut:
            assert done.returncode == 0, done.stderr
            break
        check_end(done.returncode, by, done.stderr)
        check_up(machine, stack, number)
        kept = machine.pycompose("exec", "-T", "db", "cat", "/precious/file", cwd=stack)
        assert kept.stdout == "kept\n", f"request {number}"
    else:
        pytest.fail("it never came to its end")
    machine.pycompose("down", "-v", "-t", "0", cwd=stack)
    assert machine.docker("ps", "-aq").stdout == ""


@pytest.mark.parametrize("by", SIGNALS, ids=lambda item: item.name)
def test_down_can_be_cut_off_anywhere(machine: Machine, stack: Path, by: signal.Signals) -> None:
    for number in range(1 + SIGNALS.index(by) % STEP, MOST, STEP):
        check_up(machine, stack, 0)
        done, has_cut = run_cut(machine, ["down", "-t", "0"], cwd=stack, at=number, by=by)
        if not has_cut:
            break
        check_end(done.returncode, by, done.stderr)
        if number % 2:
            machine.pycompose("down", "-t", "0", cwd=stack)
            assert machine.docker("ps", "-aq").stdout == ""
    machine.pycompose("down", "-v", "-t", "0", cwd=stack)
    assert machine.docker("network", "ls", "-q", "--filter", "name=cut_").stdout == ""


@pytest.mark.parametrize("by", SIGNALS, ids=lambda item: item.name)
def test_run_leaves_no_container_behind_that_was_to_be_removed(
    machine: Machine, stack: Path, by: signal.Signals
) -> None:
    for number in range(1 + SIGNALS.index(by) % STEP, MOST, STEP):
        done, has_cut = run_cut(machine, ["run", "--rm", "-T", "job", "sleep", "1"], cwd=stack, at=number, by=by)
        if not has_cut:
            break
        assert "Traceback" not in done.stderr
        left = machine.docker("ps", "-aq", "--filter", "label=com.docker.compose.oneoff=True").stdout
        assert not left or by == signal.SIGKILL, f"request {number}"
        machine.pycompose("run", "--rm", "-T", "job", cwd=stack)
    machine.pycompose("down", "-v", "-t", "0", "--remove-orphans", cwd=stack)
    assert machine.docker("ps", "-aq").stdout == ""
