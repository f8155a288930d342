from __future__ import annotations

import pytest

from engine.builder.dockerfile.problem import Misspelt
from engine.builder.dockerfile.words import expand, raw_words

VARIABLES = {"name": "value", "empty": "", "path": "a/b/c.tar.gz", "dots": "x.y.z"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$name", "value"),
        ("${name}s", "values"),
        ("$names", ""),
        ("$name.txt", "value.txt"),
        (r"\$name", "$name"),
        (r"a\ b", "a b"),
        ("'$name'", "$name"),
        ('"$name x"', "value x"),
        (r'"\$name \a"', r"$name \a"),
        ("pre'fix 'suf", "prefix suf"),
        ("${missing:-other}", "other"),
        ("${empty:-other}", "other"),
        ("${empty-other}", ""),
        ("${name:-other}", "value"),
        ("${name:+other}", "other"),
        ("${empty:+other}", ""),
        ("${empty+other}", "other"),
        ("${missing:-${name}}", "value"),
        ("${missing:-'a b'}", "a b"),
        ("${path#*/}", "b/c.tar.gz"),
        ("${path##*/}", "c.tar.gz"),
        ("${path%.*}", "a/b/c.tar"),
        ("${path%%.*}", "a/b/c"),
        ("${path/b/x}", "a/x/c.tar.gz"),
        ("${dots/./-}", "x-y.z"),
        ("${dots//./-}", "x-y-z"),
        ("${name#nothing}", "value"),
        ("$", "$"),
        ("a$", "a$"),
        ("$1", ""),
        ("", ""),
    ],
)
def test_a_word_is_expanded_by_dockers_rules(word: str, expected: str) -> None:
    assert expand(word, VARIABLES.get) == expected


def test_the_escape_directive_changes_the_escape_character() -> None:
    assert expand("`$name c:\\dir", VARIABLES.get, "`") == "$name c:\\dir"


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("'open", "single-quote"),
        ('"open', "double-quote"),
        ("${name", "missing '}'"),
        ("${}", "bad substitution"),
        ("${name!x}", "unsupported modifier"),
        ("${missing:?not given}", "missing: not given"),
        ("${empty:?}", "not allowed to be empty"),
        ("${missing?}", "not allowed to be unset"),
    ],
)
def test_a_word_that_cannot_be_expanded_says_why(word: str, problem: str) -> None:
    with pytest.raises(Misspelt, match=problem.replace("$", r"\$")):
        expand(word, VARIABLES.get)


def test_words_nested_too_deeply_are_refused_instead_of_overflowing() -> None:
    with pytest.raises(Misspelt, match="too deeply"):
        expand("${a:-" * 5000 + "}" * 5000, lambda _: None)


def test_text_is_split_at_white_space_outside_quotes() -> None:
    assert raw_words("a=1 b='x y'  c=\"p q\" d=e\\ f") == ["a=1", "b='x y'", 'c="p q"', "d=e\\ f"]
