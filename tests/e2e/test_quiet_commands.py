"""What commands leave to scripts: outputs without words of ours, and answers that are read from a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, json_lines, pycompose_command

pytestmark = [pytest.mark.root, pytest.mark.net]

FILE = """
name: quiet
services:
  job: {image: busybox, command: echo done, labels: {team: blue}}
"""


@pytest.fixture
def directory(machine: Machine, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "compose.yaml").write_text(FILE)
    yield tmp_path
    machine.pycompose("down", "-t", "0", cwd=tmp_path)


def test_run_prints_what_its_command_prints_and_nothing_else(machine: Machine, directory: Path) -> None:
    machine.pycompose("create", cwd=directory)  # with the network
    done = machine.pycompose("run", "--rm", "job", "sh", "-c", "echo out; echo err >&2", cwd=directory)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


@pytest.mark.parametrize(("answer", "left"), [("", 1), ("n\n", 1), ("y\n", 0)])
def test_rm_takes_its_answer_from_a_pipe_and_no_is_no_failure(
    answer: str, left: int, machine: Machine, directory: Path
) -> None:
    machine.pycompose("create", cwd=directory)
    machine.run([*pycompose_command(), "rm"], cwd=directory, stdin=answer)
    assert len(json_lines(machine.pycompose("ps", "-a", "--format=json", cwd=directory).stdout)) == left


def test_events_have_the_labels_of_the_user_and_no_others(machine: Machine, directory: Path) -> None:
    machine.pycompose("up", "-d", cwd=directory)
    machine.pycompose("wait", "job", cwd=directory, succeeds=False)
    told = machine.pycompose("events", "--json", "--since", "1h", "--until", "0s", cwd=directory).stdout
    start = [event for event in map(json.loads, told.splitlines()) if event["action"] == "start"][-1]
    assert start["attributes"] == {"image": "busybox", "name": "quiet-job-1", "team": "blue"}


def test_stats_of_what_has_ended_are_noughts(machine: Machine, directory: Path) -> None:
    machine.pycompose("create", cwd=directory)
    (used,) = json_lines(machine.pycompose("stats", "-a", "--no-stream", "--format=json", cwd=directory).stdout)
    assert (used["PIDs"], used["MemUsage"]) == ("0", "0B / 0B")
    assert used["Container"].startswith(used["ID"])


def test_what_is_replaced_is_said_to_be_recreated_not_to_be_gone(machine: Machine, directory: Path) -> None:
    machine.pycompose("create", cwd=directory)
    done = machine.pycompose("--progress=json", "create", "--force-recreate", cwd=directory)
    told = [record["status"] for record in json_lines(done.stderr) if record["id"] == "Container quiet-job-1"]
    assert (told[0], told[-1], "Removed" in told) == ("Recreate", "Recreated", False)


LASTING = """
name: quiet
services:
  job: {image: busybox, init: true, command: sleep 1000}
"""
REHEARSED = [
    ("pause",),
    ("cp", "job:/etc/hostname", "copied"),
    ("export", "job", "-o", "exported"),
    ("commit", "job", "quiet:committed"),
]


def test_what_is_rehearsed_leaves_nothing_behind(machine: Machine, directory: Path) -> None:
    (directory / "compose.yaml").write_text(LASTING)
    machine.pycompose("up", "-d", cwd=directory)
    for words in REHEARSED:
        told = machine.pycompose("--dry-run", *words, cwd=directory).stderr.splitlines()
        assert len(told) == 2, words
        assert all(line.startswith(" DRY-RUN MODE -  ") and " quiet-job-1 " in line for line in told), words
    (left,) = json_lines(machine.pycompose("ps", "-a", "--format=json", cwd=directory).stdout)
    assert left["State"] == "running"
    assert [path.name for path in directory.iterdir()] == ["compose.yaml"]
    assert machine.docker("images", "-q", "quiet").stdout == ""
