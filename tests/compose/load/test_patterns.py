from __future__ import annotations

import pytest

from compose.load.patterns import matching

NAMES = ("web", "w2", "db", "cache", "a.b", "a-b")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("web", ["web"]),
        ("w", []),
        ("w*", ["web", "w2"]),
        ("w**", ["web", "w2"]),
        ("?b", ["db"]),
        ("a?b", ["a.b", "a-b"]),
        ("a.b", ["a.b"]),
        ("[wd]*", ["web", "w2", "db"]),
        ("[^w]?", ["db"]),
        ("[a-c]*", ["cache", "a.b", "a-b"]),
        ("a[\\-.]b", ["a.b", "a-b"]),
        ("\\d\\b", ["db"]),
        ("[c-a]*", []),
        ("[", []),
        ("[]", []),
        ("w[", []),
        ("\\", []),
    ],
)
def test_a_pattern_means_all_names_that_it_matches_as_a_whole(pattern: str, names: list[str]) -> None:
    assert matching(pattern, NAMES) == names
