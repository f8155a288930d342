"""The engine as a service."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from engine.daemon import units
from engine.errors import Unavailable
from engine.state.paths import Paths

PATHS = Paths(Path("/var/lib/pycompose"), Path("/run/pycompose"))


def test_the_units_are_good_to_systemd(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    installation = units.Installation(("/bin/sh", "-c", 'exec 100% "$HOME"'), PATHS, group="docker")
    (tmp_path / units.SERVICE).write_text(installation.service())
    (tmp_path / units.SOCKET).write_text(installation.socket())
    for name in (units.SERVICE, units.SOCKET):
        checked = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / name], check=False, capture_output=True, text=True
        )
        complaints = [line for line in checked.stderr.splitlines() if "pycompose" in line]
        assert not complaints


def test_containers_are_no_part_of_the_service() -> None:
    text = units.Installation(("/usr/bin/pycompose-engine", "serve"), PATHS).service()
    assert "KillMode=process\n" in text
    assert 'ExecStart="/usr/bin/pycompose-engine" "serve" --state-dir "/var/lib/pycompose" --run-dir' in text


def test_the_socket_is_for_a_group_only_if_one_was_named() -> None:
    assert "SocketGroup=docker\n" in units.Installation((), PATHS, group="docker").socket()
    assert "SocketGroup" not in units.Installation((), PATHS).socket()


def test_without_systemd_nothing_is_written_and_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "_RUNNING", tmp_path / "no systemd")
    with pytest.raises(Unavailable, match="systemd does not run") as refused:
        units.install(units.Installation(("x",), PATHS), tmp_path)
    assert "pycompose-engine serve" in str(refused.value.hint)
    assert not list(tmp_path.iterdir())


def test_units_are_removed_also_where_systemd_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "_RUNNING", tmp_path / "no systemd")
    (tmp_path / units.SERVICE).touch()
    assert units.uninstall(tmp_path) == [f"stopped {units.SERVICE}", f"removed {tmp_path / units.SERVICE}"]
    assert units.uninstall(tmp_path) == []
