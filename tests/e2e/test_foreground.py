"""`up` in the foreground: prefixed logs, and Ctrl-C stops the stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.machine import Machine, json_lines, pycompose_command
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: talk
services:
  one: {image: busybox, command: ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo hello from one; sleep 1000 & wait"]}
  two: {image: busybox, command: ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo hello from two; sleep 1000 & wait"]}
"""


def test_logs_are_streamed_with_their_service_in_front_and_ctrl_c_stops_everything(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(STACK)
    command = [*pycompose_command(), "up"]
    with Terminal(command, cwd=tmp_path, environment={**machine.environment, "PYTHONPATH": ""}) as screen:
        for _ in range(2):
            screen.expect("hello from")
        assert "one-1" in screen.shown
        assert "two-1" in screen.shown
        screen.press("\x03")
        code = screen.wait()
    assert code in (0, 130), screen.shown
    states = json_lines(machine.pycompose("ps", "--all", "--format", "json", cwd=tmp_path).stdout)
    assert {entry["State"] for entry in states} == {"exited"}
    machine.pycompose("down", cwd=tmp_path)


def test_a_pipe_gets_plain_lines_without_escape_sequences(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: brief\nservices: {say: {image: busybox, command: [echo, done]}}\n")
    done = machine.pycompose("up", cwd=tmp_path)
    assert "done" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    machine.pycompose("down", cwd=tmp_path)


HOOKED = """
name: hooked
services:
  one:
    image: busybox
    init: true
    command: sleep 1000
    post_start: [{command: [sh, -c, "echo warm; printf up >&2"]}]
    pre_stop: [{command: [echo, drained]}]
"""


def test_what_hooks_write_is_shown_among_the_output(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(HOOKED)
    command = [*pycompose_command(), "--ansi", "never", "up"]
    with Terminal(command, cwd=tmp_path, environment={**machine.environment, "PYTHONPATH": ""}) as screen:
        screen.expect("one-1 ->  | warm")
        screen.expect("one-1 ->  | up")
        screen.press("\x03")
        screen.expect("one-1 ->  | drained")
        assert screen.wait() == 130
    machine.pycompose("down", cwd=tmp_path)
