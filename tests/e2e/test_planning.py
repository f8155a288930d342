"""`plan`, `apply` and `explain`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: planned
services:
  web:
    image: busybox
    init: true
    command: sleep 1000
    environment: {LOG_LEVEL: "${LOG_LEVEL:-info}"}
"""


def test_a_plan_is_shown_kept_in_a_file_applied_and_explained(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(STACK)
    assert machine.pycompose("plan", "--exit-code", cwd=tmp_path, succeeds=False).returncode == 2
    assert "planned" not in machine.docker("ps", "-a").stdout + machine.docker("network", "ls").stdout
    machine.pycompose("up", "-d", cwd=tmp_path)
    assert machine.pycompose("plan", "--exit-code", cwd=tmp_path).stdout.endswith("Plan: nothing to do; 1 kept\n")

    (tmp_path / ".env").write_text("\nLOG_LEVEL=debug\n")
    shown = machine.pycompose("plan", "--out", "next.json", cwd=tmp_path).stdout
    assert 'environment.LOG_LEVEL  "info" → "debug"  .env:2:1 (LOG_LEVEL)' in shown
    machine.pycompose("apply", "next.json", cwd=tmp_path)
    assert machine.pycompose("exec", "web", "sh", "-c", "echo $LOG_LEVEL", cwd=tmp_path).stdout == "debug\n"
    assert "configuration changed, environment.LOG_LEVEL" in machine.pycompose("explain", cwd=tmp_path).stdout

    again = machine.pycompose("apply", "next.json", cwd=tmp_path, succeeds=False)
    assert again.returncode == 1
    assert "the plan is out of date" in again.stderr
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"version": 1}))
    assert "no plan" in machine.pycompose("apply", "broken.json", cwd=tmp_path, succeeds=False).stderr
    machine.pycompose("down", "-t", "0", cwd=tmp_path)
