"""What `config` prints for its flags: the expected lines are docker compose's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compose.cli.run_group import run

FILE = """\
name: app
services:
  web:
    image: "x:${TAG:-latest}"
    environment: {A: "${REQUIRED:?}", B: "${ALT:+yes it is set}"}
    depends_on: [z]
    volumes: [used:/a]
    env_file: missing.env
  z: {image: q, models: [m1]}
  b: {build: ., profiles: [p2, p1]}
volumes: {used: , unused: }
networks: {n1: }
models:
  m1: {model: ai/x}
  m2: {model: ai/y}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "compose.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    for name in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "DOCKER_HOST", "TAG", "ALT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUIRED", "r")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert run("pycompose", ("config", *flags)) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "lines"),
    [
        (("--services",), ["z", "web"]),
        (("--services", "z"), ["z", "web"]),
        (("--services", "--no-interpolate"), ["web", "z", "b"]),
        (("--volumes",), ["used"]),
        (("--networks",), ["default"]),
        (("--models",), ["ai/x"]),
        (("--images",), ["x:latest", "q"]),
        (("--images", "b"), ["app-b"]),
        (("--images", "z"), ["q"]),
        (("--profiles",), ["p1", "p2"]),
        (("--quiet", "--services"), ["z", "web"]),
        (("--images", "--volumes"), ["used"]),
        (("--environment", "--profiles"), ["p1", "p2"]),
        (("--hash", "z", "--images"), ["z 25a572f439cfb2bbef91186a9cf8b56dcc16024b7853423db2ce535938468ca0"]),
        (("--no-interpolate", "--images"), ["x:${TAG:-latest}", "q"]),
    ],
)
def test_a_listing_prints_one_name_on_each_line(
    flags: tuple[str, ...], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, *flags).splitlines() == lines


def test_resources_that_nobody_uses_are_listed_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pycompose", ("--all-resources", "config", "--volumes")) == 0
    assert capsys.readouterr().out.splitlines() == ["used", "unused"]


def test_variables_are_a_table_json_or_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--variables") == (
        "NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\n"
        "ALT                 false                                   yes it is set\n"
        "REQUIRED            true                                    \n"
        "TAG                 false               latest              \n"
    )
    assert json.loads(printed(capsys, "--variables", "--format", "json"))["TAG"] == {
        "Name": "TAG",
        "DefaultValue": "latest",
        "PresenceValue": "",
        "Required": False,
    }
    assert printed(capsys, "--variables", "--format", "yaml").startswith(
        'ALT:\n    name: ALT\n    defaultvalue: ""\n    presencevalue: yes it is set\n    required: false\n'
    )


def test_the_environment_is_printed_sorted_and_not_at_all_when_quiet(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "missing.env").touch()
    lines = printed(capsys, "--environment").splitlines()
    assert lines == sorted(lines)
    assert "REQUIRED=r" in lines
    assert printed(capsys, "--quiet", "--environment") == ""


def test_a_listing_needs_no_env_file_and_the_project_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pycompose", ("config", "-q")) == 1
    assert "missing.env not found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--hash", "web,nix"), "no such service: nix"),
        (("--hash", "b"), "no such service: b"),
        (("--images", "nix"), "no such service: nix"),
        (("--format", "xml"), "unsupported format `xml`"),
        (("--variables", "--format", "xml"), "format value `xml` could not be parsed"),
    ],
)
def test_what_cannot_be_printed_is_an_error(
    flags: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pycompose", ("config", *flags)) == 1
    assert message in capsys.readouterr().err


def test_models_are_in_yaml_and_not_in_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "missing.env").touch()
    assert "models:\n  m1:\n    model: ai/x\n" in printed(capsys)
    assert "models" not in json.loads(printed(capsys, "--format", "json"))


def test_yaml_has_nothing_that_is_not_set(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "missing.env").touch()
    text = printed(capsys)
    assert not any(f"{word}:" in text for word in ("command", "entrypoint", "ipam"))
    assert json.loads(printed(capsys, "--format", "json"))["services"]["z"]["command"] is None


def test_a_file_is_written_instead_of_standard_output(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "missing.env").touch()
    assert printed(capsys, "-o", "out.yaml") == ""
    assert (project / "out.yaml").read_text().startswith("name: app\nservices:\n")


def test_support_tells_how_attributes_are_honoured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pycompose", ("support", "runtime")) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["services.*.runtime", "partly", "yes"]
    assert run("pycompose", ("support", "image", "--format", "json")) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first == {"attribute": "services.*.image", "pycompose": "yes", "docker": "yes", "reason": ""}
    assert run("pycompose", ("support", "imgae")) == 1
