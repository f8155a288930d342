"""Ctrl-C and `kill`, once and twice, in the middle of whatever takes long.

The exit code is docker compose's, the terminal as it was, nothing is half-made, and the next command goes on. An
ordinary run tries each command in one way, `PYCOMPOSE_EVERY_STEP=1` in all four.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine, pycompose_command
from tests.e2e.terminal import Terminal
from tests.fakes.registry import FakeRegistry, Fault, serve_registry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: signals
services:
  web:
    image: busybox
    init: true
    command: sh -c 'echo hello; sleep 1000'
    develop: {watch: [{action: sync, path: ./src, target: /src}]}
  deaf: {image: busybox, command: [sh, -c, "trap : TERM; while :; do sleep 1; done"], stop_grace_period: 100s}
"""
Way = tuple[str | signal.Signals, int]
WAYS: list[Way] = [("\x03", 1), (signal.SIGTERM, 2), (signal.SIGTERM, 1), ("\x03", 2)]
PULLING = [("pull",), ("create",), ("up", "-d"), ("run", "--rm", "slow")]
STOPPING = [("down", "Stopping"), ("stop", "Stopping"), ("restart", "Restarting")]
GOING_ON = [
    (("logs", "-f", "web"), "hello"),
    (("watch", "--no-up", "web"), "Watch enabled"),
    (("exec", "-T", "web", "sh", "-c", "echo begun; sleep 1000"), "begun"),
    (("exec", "web", "sh", "-c", "echo begun; sleep 1000"), "begun"),
]


def in_ways(cases: Sequence[Any], first: int = 0) -> list[tuple[Any, Way]]:
    """Each case in one of the ways, which begin with the `first`, or in all of them."""
    if os.environ.get("PYCOMPOSE_EVERY_STEP"):
        return list(product(cases, WAYS))
    return [(case, WAYS[(index + first) % len(WAYS)]) for index, case in enumerate(cases)]


class Gate(threading.Event):
    """Tells who has come to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.reached.set()
        return super().wait(timeout)


@pytest.fixture
def directory(machine: Machine, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "src").mkdir()
    (tmp_path / "compose.yaml").write_text(STACK)
    yield tmp_path
    machine.pycompose("down", "-t", "0", "--remove-orphans", cwd=tmp_path)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serve_registry() as served:
        served.put_image("slow", "1", [tar_of({"file": bytes(100_000)})])
        yield served


def start(machine: Machine, directory: Path, *arguments: str) -> Terminal:
    command = [*pycompose_command(), "--progress", "plain", *arguments]
    return Terminal(command, cwd=directory, environment={**machine.environment, "NO_COLOR": "1"})


def interrupt(screen: Terminal, way: Way) -> int:
    """The exit code after that many signals."""
    by, times = way
    for _ in range(times):
        if isinstance(by, str):
            screen.press(by)
        else:
            with suppress(ProcessLookupError):  # the first has been enough
                os.kill(screen.process.pid, by)
    return screen.wait()


@pytest.mark.parametrize(("command", "way"), in_ways(PULLING))
def test_a_pull_can_be_called_off(
    command: tuple[str, ...], way: Way, machine: Machine, directory: Path, registry: FakeRegistry
) -> None:
    image = f"{registry.host}/slow:1"
    (directory / "compose.yaml").write_text(f"name: signals\nservices: {{slow: {{image: '{image}', command: x}}}}\n")
    gate = Gate()
    registry.faults.append(Fault("/blobs/", times=99, hold=gate))
    with start(machine, directory, *command) as screen:
        before = screen.settings()
        assert gate.reached.wait(60)
        assert interrupt(screen, way) == 130
        assert screen.settings() == before
        assert "Traceback" not in screen.shown
    assert machine.docker("images", "-q", image).stdout == ""
    assert machine.docker("ps", "-aq").stdout == ""
    registry.faults.clear()
    gate.set()
    machine.pycompose("create", cwd=directory)
    machine.pycompose("down", "--rmi", "all", cwd=directory)
    assert machine.docker("images", "-q", image).stdout == ""


@pytest.mark.parametrize("way", [way for _, way in in_ways([()], 0)])
def test_a_push_can_be_called_off(way: Way, machine: Machine, directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        image = f"127.0.0.1:{silent.getsockname()[1]}/app:1"
        (directory / "compose.yaml").write_text(f"name: signals\nservices: {{app: {{build: ., image: '{image}'}}}}\n")
        machine.docker("pull", "busybox")
        machine.docker("tag", "busybox", image)
        with start(machine, directory, "push") as screen:
            before = screen.settings()
            client, _ = silent.accept()
            with client:
                assert interrupt(screen, way) == 130
            assert screen.settings() == before
    machine.docker("rmi", image)


@pytest.mark.parametrize("way", [way for _, way in in_ways([()], 1)])
def test_a_build_can_be_called_off(way: Way, machine: Machine, directory: Path) -> None:
    def write(words: str) -> None:
        dockerfile = f"FROM busybox\\nRUN {words}\\n"
        text = f'name: signals\nservices: {{app: {{build: {{context: ., dockerfile_inline: "{dockerfile}"}}}}}}\n'
        (directory / "compose.yaml").write_text(text)

    write("echo begun; sleep 1000")
    with start(machine, directory, "build") as screen:
        before = screen.settings()
        screen.expect("Running in")
        screen.expect("begun")
        assert interrupt(screen, way) == 130
        assert screen.settings() == before
    assert machine.docker("images", "-q", "signals-app").stdout == ""
    write("true")
    machine.pycompose("build", cwd=directory)
    machine.docker("rmi", "signals-app")


@pytest.mark.parametrize(("case", "way"), in_ways(STOPPING))
def test_a_stop_can_be_called_off(case: tuple[str, str], way: Way, machine: Machine, directory: Path) -> None:
    command, word = case
    machine.pycompose("up", "-d", "deaf", cwd=directory)
    with start(machine, directory, command) as screen:
        before = screen.settings()
        screen.expect(word)
        assert interrupt(screen, way) == 130
        assert screen.settings() == before
        assert "Traceback" not in screen.shown
    machine.pycompose("up", "-d", "-t", "0", "deaf", cwd=directory)
    assert machine.pycompose("ps", "--services", "--status", "running", cwd=directory).stdout == "deaf\n"
    machine.pycompose("down", "-t", "0", cwd=directory)
    assert machine.docker("ps", "-aq").stdout == ""


@pytest.mark.parametrize("way", [way for _, way in in_ways([()], 1)])
def test_a_question_can_be_called_off(way: Way, machine: Machine, directory: Path) -> None:
    machine.pycompose("create", "web", cwd=directory)
    with start(machine, directory, "rm") as screen:
        before = screen.settings()
        screen.expect("Are you sure?")
        assert interrupt(screen, way) == 130
        assert screen.settings() == before
        assert "Traceback" not in screen.shown
    assert machine.pycompose("ps", "-a", "--services", cwd=directory).stdout == "web\n"


@pytest.mark.parametrize(("case", "way"), in_ways(GOING_ON))
def test_what_goes_on_until_it_is_interrupted(
    case: tuple[tuple[str, ...], str], way: Way, machine: Machine, directory: Path
) -> None:
    command, said = case
    machine.pycompose("up", "-d", "web", cwd=directory)
    with start(machine, directory, *command) as screen:
        before = screen.settings()
        screen.expect(said)
        assert interrupt(screen, way) == 130
        assert screen.settings() == before
        assert "Traceback" not in screen.shown
    assert machine.pycompose("exec", "-T", "web", "echo", "there", cwd=directory).stdout == "there\n"


@pytest.mark.parametrize("way", [way for _, way in in_ways([()], 2)])
def test_signals_of_a_run_are_its_containers(way: Way, machine: Machine, directory: Path) -> None:
    with start(machine, directory, "run", "--rm", "web") as screen:
        before = screen.settings()
        screen.expect("hello")
        # With a terminal Ctrl-C is a key, which the container's own terminal makes a signal of.
        assert interrupt(screen, way) == (130 if isinstance(way[0], str) else 143)
        assert screen.settings() == before
    assert machine.docker("ps", "-aq").stdout == ""
