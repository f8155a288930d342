"""What shells complete."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose.cli.answering import Answering
from tests.e2e.terminal import Terminal

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


def test_profiles_and_files_are_completed(project: Path) -> None:
    assert completed("pycompose --profile m", project) == ["more"]
    assert completed("pycompose -f o", project) == ["o"]  # bash looks for the file itself


def test_names_of_an_engine_that_does_not_run_are_none(project: Path) -> None:
    assert completed("pycompose -H unix:///nowhere.sock engine rm a", project) == []
    assert completed("pycompose -H unix:///nowhere.sock -p a", project) == []


def test_names_of_the_engine_are_completed(project: Path) -> None:
    with Answering(project / "engine.sock"):
        host = f"pycompose -H unix://{project}/engine.sock"
        assert completed(f"{host} engine rm o", project) == ["other-1"]
        assert completed(f"{host} -p a", project) == ["app"]
        assert completed(f"{host} engine rmi t", project) == ["tiny:1"]
        assert completed(f"{host} engine network rm ", project) == ["bridge"]
        assert completed(f"{host} engine volume rm ", project) == []


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """An environment in which `pycompose` is a program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pycompose").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pycompose "$@"\n')
    (folder / "pycompose").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "dumb"}


def test_bash_completes_by_our_script(project: Path, programs: dict[str, str]) -> None:
    script = (
        'eval "$(pycompose completion bash)"; COMP_WORDS=(pycompose up w); COMP_CWORD=2; '
        '_pycompose_completion pycompose w up; echo "${COMPREPLY[@]}"; complete -p pycompose'
    )
    done = subprocess.run(["bash", "-c", script], cwd=project, env=programs, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "web worker"
    assert "_pycompose_completion" in done.stdout.splitlines()[1]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes_by_our_script(project: Path, programs: dict[str, str]) -> None:
    script = "pycompose completion fish | source; complete -C 'pycompose up w'"
    done = subprocess.run(["fish", "-c", script], cwd=project, env=programs, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["web", "worker"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_completes_by_our_script(project: Path, programs: dict[str, str]) -> None:
    """What is typed at its prompt is completed."""
    with Terminal(["zsh", "-f", "-i"], cwd=project, environment=programs) as screen:
        screen.press(
            "PS1='> '; autoload -U compinit; compinit -D; eval \"$(pycompose completion zsh)\"; echo rea''dy\r"
        )
        screen.expect("ready")
        screen.press("pycompose up we\t")
        screen.expect("up we")
        screen.expect("b")
        screen.press("\x15exit\r")
        screen.wait()
