"""Asking runtimes what they can do, with scripts in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.features import features

pytestmark = pytest.mark.anyio


def program(directory: Path, script: str) -> Path:
    made = directory / "runtime"
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o755)
    return made


async def test_what_a_runtime_tells_is_kept_in_one_line(tmp_path: Path) -> None:
    runtime = program(tmp_path, 'echo "$1" >> "$0.calls"; printf \'{\\n "ociVersionMin": "1.0.0"\\n}\\n\'')
    assert await features(runtime) == '{"ociVersionMin":"1.0.0"}'
    assert await features(runtime) == '{"ociVersionMin":"1.0.0"}'
    assert (tmp_path / "runtime.calls").read_text() == "features\n"


@pytest.mark.parametrize("script", ["echo unknown command >&2; exit 1", "echo hello", "echo '[]'"])
async def test_one_that_cannot_tell_says_nothing(tmp_path: Path, script: str) -> None:
    assert await features(program(tmp_path, script)) == ""


async def test_a_program_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert await features(tmp_path / "runtime") == ""
