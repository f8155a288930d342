"""What holds of every example; tests/e2e bring each one up."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.machine import ROOT, pycompose_command

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/compose.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads_without_a_warning_and_says_what_it_shows(example: Path) -> None:
    command = [*pycompose_command(), "--profile", "*", "config", "--quiet"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=example, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "down -v" in (example / "README.md").read_text()
    assert f"[{example.name}]({example.name})" in (ROOT / "examples" / "README.md").read_text()
    assert list((ROOT / "tests" / "e2e").glob(f"test_*{example.name}.py")), "it has a test of its own"
