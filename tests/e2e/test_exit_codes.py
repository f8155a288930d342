"""Every command ends with docker compose's exit code, whatever the situation.

An ordinary run tries some of the commands in each situation, `PYCOMPOSE_EVERY_STEP=1` all of them.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from compose.cli.group import COMMANDS as OURS
from tests.e2e.exit_codes import COMMANDS, FILE, SERVICE, SITUATIONS, rows, runner
from tests.e2e.machine import Machine, pycompose_command

PEERS: dict[str, dict[str, list[int]]] = tomllib.loads(Path(__file__).with_name("exit_codes.toml").read_text("utf-8"))
STEP = 1 if os.environ.get("PYCOMPOSE_EVERY_STEP") else 8
# What has differed, or depends on the situation most.
ALWAYS = {
    "paused": {"commit", "port"},
    "running": {"pause", "unpause", "wait"},
    "another runs": {"start"},
    "unknown service": {"images", "stats", "top"},
}
# Situation and command -> our code, and why it is another one.
DIFFERENCES = {
    # docker compose's `create` starts containers that are neither running nor exited.
    ("paused", "create"): [0],
}


def test_the_table_has_every_command_in_every_situation() -> None:
    assert set(PEERS) == set(SITUATIONS)
    assert set(COMMANDS) | {"events", "publish"} <= set(OURS)
    assert all(set(codes) <= set(COMMANDS) for codes in PEERS.values())


@pytest.mark.root
@pytest.mark.net
@pytest.mark.parametrize("situation", SITUATIONS)
def test_commands_end_as_docker_compose_does(situation: str, machine: Machine, tmp_path: Path) -> None:
    machine.docker("pull", "busybox")
    # A file in a directory above counts, and anybody may put one into /tmp.
    directory = tmp_path if SITUATIONS[situation].has_file else machine.paths.run
    offset = list(SITUATIONS).index(situation) % STEP
    commands = [
        command
        for index, command in enumerate(COMMANDS)
        if index % STEP == offset or command in ALWAYS.get(situation, ())
    ]
    expected = PEERS[situation]
    differing = [
        row
        for row in rows(runner(pycompose_command(), machine.environment), directory, situation, commands)
        if [answer.code for answer in row.answers] != DIFFERENCES.get((situation, row.command), expected[row.command])
    ]
    assert not differing


@pytest.mark.root
@pytest.mark.net
def test_logs_of_a_container_that_is_not_there_fail(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(FILE)
    done = machine.pycompose("logs", "--index", "9", SERVICE, cwd=tmp_path, succeeds=False)
    assert (done.returncode, done.stderr) == (1, "error: service `web` has no container with number 9\n")
