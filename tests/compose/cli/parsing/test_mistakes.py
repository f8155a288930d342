"""What is said to command lines that nobody understands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compose.cli.run_group import run

ONE = "leave one of them out"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("dwon", "unknown command: pycompose dwon", "did you mean `down`?"),
        ("frobnicate", "unknown command: pycompose frobnicate", "`pycompose --help` lists the commands"),
        ("engine imags", "unknown command: pycompose engine imags", "did you mean `images`?"),
        ("up --deatch", "unknown flag: --deatch", "did you mean `--detach`?"),
        ("up --frobnicate", "unknown flag: --frobnicate", "`pycompose up --help` tells what there is"),
        ("-d up", "unknown flag: -d", "it goes after the command: `pycompose up -d …`"),
        ("up -p app", "unknown flag: -p", "it goes before the command: `pycompose -p NAME up …`"),
        ("exec web", "COMMAND [ARG...] is missing", "write `pycompose exec [OPTIONS] SERVICE COMMAND [ARG...]`"),
        ("up --pull", "--pull needs a value", "`pycompose up --help` tells what there is"),
        ("--parallel x ps", "--parallel: 'x' is not a valid integer", "`pycompose ps --help` tells what there is"),
        ("--progress tty --ansi never ps", "--progress tty and --ansi never contradict each other", ONE),
        ("--no-ansi --ansi always ps", "--no-ansi and --ansi contradict each other", "use --ansi only"),
        ("up --build --no-build", "--build and --no-build contradict each other", ONE),
        ("up --wait --attach web", "--wait and --attach contradict each other", ONE),
        ("up --no-recreate -V", "--no-recreate and --renew-anon-volumes contradict each other", ONE),
        ("run -P -p 80 web", "--publish and --service-ports contradict each other", ONE),
        ("run -t -T web", "--tty and --no-tty contradict each other", ONE),
    ],
)  # fmt: skip
def test_what_was_probably_meant_is_told(
    words: str, message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pycompose", words.split()) == 1
    assert capsys.readouterr().err == f"error: {message}\nhint: {hint}\n"


def test_errors_are_json_where_progress_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pycompose", ["--progress", "json", "up", "-d", "wbe"]) == 1
    told = json.loads(capsys.readouterr().err)
    assert told == {"error": True, "message": "no such service: wbe", "hint": "did you mean `web`?"}


def test_a_mistake_in_a_file_is_json_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {imagee: nginx}}\n")
    assert run("pycompose", ["--progress=json", "config"]) == 1
    told = json.loads(capsys.readouterr().err.splitlines()[0])
    assert (told["error"], told["file"], told["line"]) == (True, "compose.yaml", 1)


def test_without_words_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pycompose", []) == 0
    assert capsys.readouterr().out.startswith("Usage: pycompose")


@pytest.mark.parametrize(
    ("ansi", "variables", "is_coloured"),
    [("always", {}, True), ("never", {}, False), ("auto", {}, False), ("always", {"NO_COLOR": "1"}, False)],
)
def test_errors_are_coloured_as_the_command_line_says(
    ansi: str,
    variables: dict[str, str],
    is_coloured: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run("pycompose", ["--ansi", ansi, "up", "-d", "nothing"]) == 1
    assert ("\x1b[" in capsys.readouterr().err) is is_coloured
