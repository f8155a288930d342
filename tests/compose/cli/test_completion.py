"""What shells complete."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def completed(words: str, cwd: Path) -> list[str]:
    """What bash is offered for the last of the words."""
    done = subprocess.run(
        [sys.executable, "-m", "pycompose"],
        cwd=cwd,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
            "_PYCOMPOSE_COMPLETE": "bash_complete",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "other.yaml").write_text("services: {api: {image: a}}\n")
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: a}, worker: {image: a, profiles: [more]}, db: {image: a, env_file: not-there}}\n"
    )
    return tmp_path


def test_commands_and_options_are_completed(project: Path) -> None:
    assert completed("pycompose exp", project) == ["explain", "export"]
    assert "--no-trunc" in completed("pycompose ps --no", project)


def test_services_are_those_of_the_files_that_are_named(project: Path) -> None:
    assert completed("pycompose up w", project) == ["web", "worker"]
    assert completed("pycompose -f other.yaml logs ", project) == ["api"]


def test_a_project_with_mistakes_has_nothing_to_complete(project: Path) -> None:
    (project / "compose.yaml").write_text("services: [\n")
    assert completed("pycompose up w", project) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str) -> None:
    command = [sys.executable, "-m", "pycompose", "completion", shell]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"_PYCOMPOSE_COMPLETE={shell}_complete" in done.stdout
