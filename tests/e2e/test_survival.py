"""Containers outlive the engine, and taking a stack down leaves the machine as it was."""

from __future__ import annotations

import os
import signal
import urllib.request

import pytest

from tests.e2e.kernel import engine_pids
from tests.e2e.machine import SHOP, Machine, free_port, json_lines, wait_for_exit

pytestmark = [pytest.mark.root, pytest.mark.net]


def page(port: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def test_containers_serve_on_while_the_engine_is_dead_and_its_successor_takes_them_over_and_down(
    machine: Machine,
) -> None:
    port = str(free_port())
    before = machine.kernel()
    machine.pycompose("up", "-d", "--wait", cwd=SHOP, SHOP_PORT=port)
    assert machine.kernel() != before
    containers = json_lines(machine.pycompose("ps", "--format", "json", cwd=SHOP, SHOP_PORT=port).stdout)
    (first_engine,) = engine_pids(machine.paths)

    machine.kill_engine()
    assert engine_pids(machine.paths) == []
    assert "The Corner Shop" in page(port)

    known = json_lines(machine.pycompose("ps", "--format", "json", cwd=SHOP, SHOP_PORT=port).stdout)
    assert engine_pids(machine.paths) not in ([], [first_engine])
    assert {entry["ID"] for entry in known} == {entry["ID"] for entry in containers}
    assert {entry["State"] for entry in known} == {"running"}
    # Names must be answered by the new engine's DNS: the page needs the database and the cache by name.
    assert "The Corner Shop" in page(port)

    machine.pycompose("down", "-v", cwd=SHOP, SHOP_PORT=port)
    after = machine.kernel()
    assert after.processes != before.processes  # another engine now
    assert without_engine(after.processes) == without_engine(before.processes)
    assert (after.mounts, after.links, after.firewall) == (before.mounts, before.links, before.firewall)
    assert (after.cgroups, after.files) == (before.cgroups, before.files)


def without_engine(processes: tuple[str, ...]) -> list[str]:
    return [line for line in processes if not line.endswith(" engine")]


def test_a_container_that_ended_while_no_engine_ran_is_known_as_ended_with_its_code(machine: Machine) -> None:
    machine.docker("run", "--detach", "--name", "brief", "busybox", "sleep", "1000")
    pid = int(machine.docker("inspect", "--format", "{{.State.Pid}}", "brief").stdout)
    machine.kill_engine()
    descriptor = os.pidfd_open(pid)
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    wait_for_exit(descriptor)
    os.close(descriptor)
    machine.start_engine()
    state = machine.docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "brief").stdout
    assert state.split() == ["exited", "137"]
    machine.docker("rm", "brief")


def test_down_removes_a_stack_that_was_left_half_made(machine: Machine) -> None:
    before = machine.kernel()
    port = str(free_port())
    machine.pycompose("up", "-d", "database", cwd=SHOP, SHOP_PORT=port)
    machine.pycompose("down", "-v", cwd=SHOP, SHOP_PORT=port)
    assert machine.kernel() == before
