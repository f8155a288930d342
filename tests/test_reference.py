"""docs/commands.md is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path

from scripts.command_reference import reference

ROOT = Path(__file__).resolve().parents[1]


def test_the_reference_of_the_commands_is_up_to_date() -> None:
    assert (ROOT / "docs" / "commands.md").read_text("utf-8") == reference(), "run `make reference`"
