"""`config --origins` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compose.cli.run_group import run

FILE = "name: app\nservices:\n  web: {image: web, user: $WHO}\n  db: {image: db}\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with a project whose `.env` sets `WHO`."""
    (tmp_path / "compose.yaml").write_text(FILE)
    (tmp_path / ".env").write_text("WHO=me\n")
    monkeypatch.chdir(tmp_path)
    for name in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "WHO"):
        monkeypatch.delenv(name, raising=False)


def test_origins_are_a_line_for_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pycompose", ["config", "--origins"]) == 0
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert ["services.web.user:", "me", ".env:1:1 (WHO) in compose.yaml:3:27"] in lines
    assert ["services.db.image:", "db", "compose.yaml:4:15"] in lines


def test_origins_can_be_those_of_some_services_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pycompose", ["config", "--origins", "--format", "json", "db"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert {entry["path"][1] for entry in entries if entry["path"][0] == "services"} == {"db"}
    assert {"kind": "file", "file": "compose.yaml", "line": 4, "column": 15} in [
        origin for entry in entries for origin in entry["origins"]
    ]
