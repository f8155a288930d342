"""What becomes of containers when the engine is told to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.daemon import farewell


@pytest.mark.anyio
@pytest.mark.parametrize(("state", "expected"), [("stopping", True), ("running", False), ("degraded", False)])
async def test_the_machine_goes_down_when_systemd_says_so(
    state: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\n[ "$1" = is-system-running ] && echo {state}\nexit 1\n')
    systemctl.chmod(0o755)
    monkeypatch.setattr(farewell, "SYSTEMD", tmp_path)
    monkeypatch.setattr(farewell, "find_tool", lambda _: systemctl)
    assert await farewell.is_machine_going_down() is expected


@pytest.mark.anyio
async def test_without_systemd_an_end_of_the_engine_is_only_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(farewell, "SYSTEMD", tmp_path / "none")
    assert not await farewell.is_machine_going_down()
