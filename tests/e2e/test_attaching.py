"""`attach` and `run` on a terminal: input, output, and the keys that leave a container running."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.machine import Machine, json_lines, pycompose_command
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.root, pytest.mark.net]

# It says that it lives, so that a test knows when it is heard, and does what it is told.
STACK = """
name: joined
services:
  shell:
    image: busybox
    command: [sh, -c, 'while true; do echo listening; read -t 1 line && eval "$$line"; done']
    tty: true
    stdin_open: true
  plain: {image: busybox, init: true, command: sleep 1000, profiles: [other]}
"""


@pytest.fixture
def project(machine: Machine, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "compose.yaml").write_text(STACK)
    yield tmp_path
    machine.pycompose("down", "-t", "0", cwd=tmp_path)


def terminal(machine: Machine, project: Path, *arguments: str) -> Terminal:
    environment = {**machine.environment, "PYTHONPATH": ""}
    return Terminal([*pycompose_command(), *arguments], cwd=project, environment=environment)


def test_keys_leave_a_container_running_and_its_end_is_our_exit_code(machine: Machine, project: Path) -> None:
    machine.pycompose("up", "-d", cwd=project)
    with terminal(machine, project, "attach", "shell") as screen:
        screen.expect("listening")
        screen.press("echo 1$((1+1))3\r")
        screen.expect("123")
        screen.press("\x10\x11")
        assert screen.wait() == 0
    [state] = json_lines(machine.pycompose("ps", "--format", "json", cwd=project).stdout)
    assert state["State"] == "running"
    with terminal(machine, project, "attach", "--detach-keys", "ctrl-a,d", "shell") as screen:
        screen.expect("listening")
        screen.press("exit 7\r")
        assert screen.wait() == 7


def test_a_one_off_container_that_was_left_goes_on(machine: Machine, project: Path) -> None:
    with terminal(machine, project, "run", "--rm", "--name", "left", "shell") as screen:
        screen.expect("listening")
        screen.press("\x10\x11")
        assert screen.wait() == 0
    assert machine.docker("inspect", "--format", "{{.State.Running}}", "left").stdout == "true\n"
    machine.docker("rm", "-f", "left")


def test_a_one_off_container_whose_client_is_killed_goes_when_it_ends(
    machine: Machine, project: Path, client: docker.DockerClient
) -> None:
    machine.pycompose("create", cwd=project)  # so that the engine runs
    command = [*pycompose_command(), "run", "--rm", "-T", "--name", "orphan", "shell", "sh", "-c", "echo up; cat"]
    # Its input ends with its client, which is what ends it.
    with subprocess.Popen(
        command, cwd=project, env=machine.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        removals = client.events(filters={"container": "orphan", "event": "destroy"}, decode=True)
        run.kill()
    assert next(removals)["Actor"]["Attributes"]["name"] == "orphan"
    removals.close()


def test_keys_that_are_none_are_refused(machine: Machine, project: Path) -> None:
    machine.pycompose("up", "-d", cwd=project)
    with terminal(machine, project, "attach", "--detach-keys", "ctrl-~", "shell") as screen:
        screen.expect("Invalid detach keys")
        assert screen.wait() != 0
    machine.pycompose("up", "-d", "plain", cwd=project)
    done = machine.pycompose("attach", "--detach-keys", "ctrl-~", "plain", cwd=project, succeeds=False)
    assert "Invalid detach keys" in done.stderr
    machine.pycompose("--profile", "*", "down", "-t", "0", cwd=project)


def test_what_is_typed_before_the_program_runs_is_for_the_program(machine: Machine, project: Path) -> None:
    machine.pycompose("up", "-d", cwd=project)
    with terminal(machine, project, "exec", "shell", "sh", "-c", 'read line; echo "<$line>"') as screen:
        screen.press("ahead\n")
        screen.expect("<ahead>")
        assert screen.wait() == 0
