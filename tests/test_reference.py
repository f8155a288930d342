"""What is made from the commands is what they say of themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.reference.comparison import unsaid
from scripts.reference.files import made_files

ROOT = Path(__file__).resolve().parents[1]


def test_what_is_made_from_the_commands_is_up_to_date() -> None:
    made = made_files()
    stale = [name for name, text in made.items() if not (ROOT / name).is_file() or (ROOT / name).read_text() != text]
    assert not stale, "run `make reference`"


def test_no_man_page_is_left_of_a_command_that_is_no_more() -> None:
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "man").glob("man?/*")}
    assert there <= set(made_files())


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_man_pages_are_understood_without_a_warning() -> None:
    """Two commands' words are in most of them, and all are made alike: a few stand for all."""
    for name in ("man1/pycompose.1", "man1/pycompose-config.1", "man1/pycompose-ps.1", "man8/pycompose-engine.8"):
        command = ["groff", "-ww", "-man", "-Tutf8", "-z", str(ROOT / "docs" / "man" / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_what_differs_from_docker_compose_is_told() -> None:
    assert unsaid() == []
