"""`--chmod`, octal and symbolic."""

from __future__ import annotations

import stat

import pytest

from engine.builder.dockerfile.problem import Misspelt
from engine.builder.steps.modes import read_mode


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("0644", 0o777, 0o644),
        ("4755", 0o600, 0o4755),
        ("u=rwx,go=rx", 0o600, 0o755),
        ("a+r", 0o600, 0o644),
        ("+x", 0o644, 0o755),
        ("go-w", 0o666, 0o644),
        ("u=rwX,go=rX", 0o600, 0o644),
        ("u=rwX,go=rX", 0o700, 0o755),
        ("u+s,+t", 0o755, 0o5755),
        ("g=", 0o2775, 0o705),
        ("o=r+w", 0o600, 0o606),
    ],
)
def test_a_mode_is_set_or_changed(text: str, before: int, after: int) -> None:
    assert read_mode(text)(stat.S_IFREG | before) == after


def test_a_directory_can_be_entered_by_a_capital_x() -> None:
    assert read_mode("go=rX")(stat.S_IFDIR | 0o700) == 0o755


@pytest.mark.parametrize("text", ["9", "77777", "u", "x=r", "u=q", "u=r,", "-1", "0o644"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(Misspelt, match="invalid chmod parameter"):
        read_mode(text)
