"""`pycompose engine …` on a machine without Docker's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


def test_an_image_is_run_and_built_upon(machine: Machine, tmp_path: Path) -> None:
    def engine(*words: str, succeeds: bool = True) -> str:
        return machine.pycompose("engine", *words, cwd=tmp_path, succeeds=succeeds).stdout

    assert engine("run", "--rm", "busybox", "echo", "hello") == "hello\n"  # pulls it first
    assert machine.pycompose("engine", "run", "--rm", "busybox", "false", cwd=tmp_path, succeeds=False).returncode == 1
    web = engine("run", "-d", "--name", "web", "-v", "data:/data", "busybox", "sleep", "600").strip()
    assert engine("exec", "web", "cat", "/proc/1/comm") == "sleep\n"
    assert engine("ps", "-q", "--no-trunc") == f"{web}\n"
    assert engine("volume", "ls", "-q") == "data\n"

    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo built > /note\nCMD cat /note\n")
    assert "Successfully tagged note:1" in engine("build", "-t", "note:1", ".")
    assert engine("run", "--rm", "note:1") == "built\n"

    assert engine("stop", "-t", "0", "web") == "web\n"
    assert engine("rm", "-v", "web") == "web\n"
    assert engine("rmi", "note:1") == "note:1\n"
    assert engine("ps", "-aq") == ""
