"""Containers outlive the engine, and taking a stack down leaves the machine as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from tests.e2e.kernel import NOTHING, engine_pids, without_engine
from tests.e2e.machine import SHOP, Machine, json_lines, pycompose_command, wait_for_exit
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture
def port(machine: Machine) -> Iterator[str]:
    """A free port for the shop of a test, with an engine running; afterwards the shop is taken down."""
    machine.start_engine()
    chosen = str(free_port())
    yield chosen
    machine.pycompose("down", "-v", cwd=SHOP, SHOP_PORT=chosen)


def page(port: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def listed(machine: Machine, port: str) -> dict[str, str]:
    """State by container id."""
    text = machine.pycompose("ps", "--format", "json", cwd=SHOP, SHOP_PORT=port).stdout
    return {entry["ID"]: entry["State"] for entry in json_lines(text)}


def test_containers_serve_on_while_the_engine_is_dead_and_its_successor_takes_them_over_and_down(
    machine: Machine, port: str
) -> None:
    before = machine.kernel()
    machine.pycompose("up", "-d", "--wait", cwd=SHOP, SHOP_PORT=port)
    containers = listed(machine, port)
    assert set(containers.values()) == {"running"}
    (first_engine,) = engine_pids(machine.paths)

    machine.end_engine(signal.SIGKILL)
    assert engine_pids(machine.paths) == []
    assert "The Corner Shop" in page(port)

    assert listed(machine, port) == containers
    assert engine_pids(machine.paths) not in ([], [first_engine])
    # A new name look-up has to be answered by the new engine.
    machine.pycompose("exec", "-T", "web", "getent", "hosts", "database", cwd=SHOP, SHOP_PORT=port)

    machine.pycompose("down", "-v", cwd=SHOP, SHOP_PORT=port)
    assert without_engine(machine.kernel()) == without_engine(before)


def test_an_engine_that_is_asked_to_end_leaves_running_containers_alone(machine: Machine, port: str) -> None:
    machine.pycompose("up", "-d", "--wait", cwd=SHOP, SHOP_PORT=port)
    containers = listed(machine, port)
    machine.end_engine(signal.SIGTERM)
    assert "The Corner Shop" in page(port)
    assert listed(machine, port) == containers


def test_after_down_and_the_end_of_the_engine_the_kernel_has_nothing_of_ours(machine: Machine, port: str) -> None:
    machine.pycompose("up", "-d", "database", cwd=SHOP, SHOP_PORT=port)
    machine.pycompose("down", "-v", cwd=SHOP, SHOP_PORT=port)
    machine.end_engine(signal.SIGTERM)
    assert machine.kernel() == NOTHING


def test_a_container_that_ended_while_no_engine_ran_is_known_as_ended_with_its_code(machine: Machine) -> None:
    machine.start_engine()
    machine.docker("run", "--detach", "--name", "brief", "busybox", "sleep", "1000")
    pid = int(machine.docker("inspect", "--format", "{{.State.Pid}}", "brief").stdout)
    machine.end_engine(signal.SIGKILL)
    descriptor = os.pidfd_open(pid)
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    wait_for_exit(descriptor)
    os.close(descriptor)
    machine.start_engine()
    assert machine.docker("wait", "brief").stdout.strip() == "137"
    state = machine.docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "brief").stdout
    assert state.split() == ["exited", "137"]
    machine.docker("rm", "brief")


def test_an_engine_without_use_ends_itself_but_not_while_a_container_runs(fresh_machine: Machine) -> None:
    paths = fresh_machine.paths
    # The container is there before the engine that is watched: no client has to come within half a second.
    fresh_machine.start_engine()
    fresh_machine.docker("run", "-d", "--name", "worker", "busybox", "sleep", "1000")
    fresh_machine.end_engine(signal.SIGTERM)
    command = ["serve", "--state-dir", str(paths.root), "--run-dir", str(paths.run), "--idle-timeout", "0.5"]
    read_end, write_end = os.pipe()
    with subprocess.Popen(
        [*pycompose_command(), "engine-daemon", *command, "--ready-fd", str(write_end)],
        env=fresh_machine.environment, pass_fds=[write_end],
    ) as engine:  # fmt: skip
        os.read(read_end, 1)
        for descriptor in (read_end, write_end):
            os.close(descriptor)
        with pytest.raises(subprocess.TimeoutExpired):
            engine.wait(2)
        fresh_machine.docker("rm", "-f", "worker")
        assert engine.wait(60) == 0
