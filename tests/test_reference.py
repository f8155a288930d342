"""What is made from the commands is what they say of themselves."""

from __future__ import annotations

from pathlib import Path

from scripts.reference.comparison import unsaid
from scripts.reference.files import made_files

ROOT = Path(__file__).resolve().parents[1]


def test_what_is_made_from_the_commands_is_up_to_date() -> None:
    made = made_files()
    stale = [name for name, text in made.items() if not (ROOT / name).is_file() or (ROOT / name).read_text() != text]
    assert not stale, "run `make reference`"


def test_what_differs_from_docker_compose_is_told() -> None:
    assert unsaid() == []
