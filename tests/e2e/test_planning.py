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
    assert "is not a plan" in machine.pycompose("apply", "broken.json", cwd=tmp_path, succeeds=False).stderr
    machine.pycompose("down", "-t", "0", cwd=tmp_path)


MOVING = """
name: moving
services:
  web:
    image: ${IMAGE:-busybox}
    init: true
    command: sleep 1000
    environment: {WORD: "${WORD:-old}"}
    configs: [told]
    volumes: ["data:/data"]
configs: {told: {content: "${TOLD:-old}"}}
volumes: {data: {}}
networks: {default: {labels: {word: "${LABEL:-old}"}}}
"""


@pytest.mark.parametrize("is_up", [False, True], ids=["before the first up", "of what is up"])
def test_a_plan_is_refused_whatever_has_moved_since(machine: Machine, tmp_path: Path, is_up: bool) -> None:
    (tmp_path / "compose.yaml").write_text(MOVING)
    for image in ("busybox", "alpine"):
        machine.docker("pull", "-q", image)
    if is_up:
        machine.pycompose("up", "-d", cwd=tmp_path)
    machine.pycompose("plan", "--force-recreate", "--out", "plan.json", cwd=tmp_path)

    def refused(**variables: str) -> bool:
        done = machine.pycompose("apply", "plan.json", cwd=tmp_path, succeeds=False, **variables)
        assert done.returncode == 0 or "the plan is out of date" in done.stderr
        return done.returncode == 1

    for name in ("WORD", "TOLD", "LABEL"):
        assert refused(**{name: "new"}), name
    assert refused(IMAGE="alpine")
    if is_up:
        machine.docker("stop", "-t", "0", "moving-web-1")
        machine.docker("rename", "moving-web-1", "other")
        assert refused(), "a container has another name"
        machine.docker("rename", "other", "moving-web-1")
        machine.docker("start", "moving-web-1")
    machine.docker("tag", "busybox", "kept")
    machine.docker("tag", "alpine", "busybox")
    assert refused(), "the image has moved"
    machine.docker("tag", "kept", "busybox")
    assert not refused(), "all is as it was"
    assert refused(), "it was applied"
    machine.pycompose("down", "-v", "-t", "0", cwd=tmp_path)
