"""`pycompose-engine doctor` on a living engine, and `uninstall --purge`, after which nothing is left."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.e2e.kernel import NOTHING, kernel_state
from tests.e2e.machine import ROOT, Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


def engine_command(machine: Machine, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pycompose", "engine-daemon", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env=dict(machine.environment), input=answer
    )


def test_a_working_engine_has_nothing_left_over_and_a_purge_leaves_nothing(fresh_machine: Machine) -> None:
    fresh_machine.start_engine()
    fresh_machine.docker("network", "create", "front")
    fresh_machine.docker("run", "-d", "--network", "front", "-p", "0:80", "-v", "data:/data", "busybox", "sleep", "600")

    examined = engine_command(fresh_machine, "doctor", "--format", "json")
    assert examined.returncode == 0, examined.stderr
    found = {item["subject"]: item for item in json.loads(examined.stdout)}
    assert {name for name, item in found.items() if name.startswith("left-over") and item["verdict"] != "ok"} == set()
    assert found["records"]["detail"].startswith("1 containers")

    refused = engine_command(fresh_machine, "uninstall", "--purge", answer="n\n")
    assert refused.returncode == 1
    assert fresh_machine.docker("ps", "-q").stdout

    purged = engine_command(fresh_machine, "uninstall", "--purge", "--yes")
    assert purged.returncode == 0, purged.stderr
    assert kernel_state(fresh_machine.paths) == NOTHING
    assert not fresh_machine.paths.root.exists()
    assert not fresh_machine.paths.run.exists()
    assert engine_command(fresh_machine, "uninstall", "--purge", "--yes").stdout == "there was nothing to remove\n"


def test_a_directory_that_is_no_engines_is_not_deleted(fresh_machine: Machine) -> None:
    precious = fresh_machine.paths.root.parent / "precious"
    precious.mkdir()
    (precious / "file").touch()
    refused = engine_command(fresh_machine, "uninstall", "--purge", "--yes", "--state-dir", str(precious))
    assert refused.returncode == 1
    assert "not the state directory of an engine" in refused.stderr
    assert (precious / "file").exists()
