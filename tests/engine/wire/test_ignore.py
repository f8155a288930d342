from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.wire.ignore import Ignore, read_ignore


@pytest.mark.parametrize(
    ("patterns", "path", "excluded"),
    [
        ("*.md", "a.md", True),
        ("*.md", "d/a.md", False),
        ("**/*.md", "a.md", True),
        ("**/*.md", "d/e/a.md", True),
        ("*/temp*", "a/temporary", True),
        ("*/temp*", "a/b/temporary", False),
        ("temp?", "tempa", True),
        ("temp?", "temp", False),
        ("dir", "dir/below/it", True),
        ("/dir/", "dir/x", True),
        ("./dir/../other", "other", True),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*\n!keep", "keep/x", False),
        ("*\n!keep", "gone/x", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/**/c", "a/c", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("a.c", "abc", False),
        (r"a\*", "a*", True),
        ("# comment", "# comment", False),
        ("!x", "x", False),
    ],
)
def test_patterns_decide_as_docker_does(patterns: str, path: str, excluded: bool) -> None:
    assert Ignore(read_ignore(patterns)).excludes(path) is excluded


@pytest.mark.parametrize("pattern", ["[a", "a\\"])
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadRequest, match="invalid pattern"):
        Ignore(read_ignore(pattern))
