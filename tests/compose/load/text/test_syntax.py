"""What is said of text that is not YAML."""

from __future__ import annotations

import pytest

from compose.errors import InvalidProject
from compose.load.text.yaml import parse

COLUMNS = "entries of one mapping start in the same column, and what belongs to them is indented further"


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("a:\n\tb: 1\n", "2:1 a tab is used for indentation", "indent with spaces: YAML does not allow tabs there"),
        ("a:\n  \tb: 1\n", "2:3 a tab is used for indentation", "indent with spaces: YAML does not allow tabs there"),
        ("a: @b\n", "1:4 a value cannot begin with this character", "put the value in quotes"),
        ("a: `b`\n", "1:4 a value cannot begin with this character", "put the value in quotes"),
        ("a: b: c\n", "1:5 a value in the same line cannot have a `: `", "put quotes around the value"),
        ("a:\n  image:b\n  c: d\n", "2:3 a space is missing after the colon", "write `image: b`"),
        ("a:\n  image:b\n\n  # c\n  c: d\n", "2:3 a space is missing after the colon", "write `image: b`"),
        (
            "a: b\n  c: d\n",
            "2:3 this is indented further than its neighbours, below a value that is complete",
            f"align it: {COLUMNS}",
        ),
        (
            "a: - b\n",
            "1:4 a list cannot begin here",
            "begin it on a line of its own, or write it as `[a, b]`",
        ),
        ("a:\n  b: 1\n c: 2\n", "3:2 this line does not line up with those above", f"check the indentation: {COLUMNS}"),
        (
            "a: 'it's'\n",
            "1:8 this comes after the end of the value",
            "put quotes around all of it, or remove this",
        ),
        (
            "a:\n  - b\n  c: 1\n",
            "3:3 this is neither an item of the list before nor outside of it",
            "begin each item with `- `, all in the same column",
        ),
        ("a: 'b\nc: d\n", "1:4 this quote is not closed", "add the closing quote"),
        ("a: [b, c\nd: e\n", "1:4 this list is not closed", "put a `,` between items and a `]` at the end"),
        ("a: [\n", "1:4 the file ends within brackets", "add the closing `]` or `}`"),
        ("a:\n  b: {c: d,\n\n", "2:11 the file ends within brackets", "add the closing `]` or `}`"),
        ("a: {b: c\nd: e\n", "1:4 this mapping is not closed", "put a `,` between entries and a `}` at the end"),
        (
            "a: 1\nb\nc: 2\n",
            "2:1 this is no `key: value`",
            "a `:` after the key is missing, or a quote or the indentation is wrong",
        ),
        (
            'a: "\\d"\n',
            "1:5 unknown escape in a double-quoted value",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        (
            "a: *.example.com\n",
            "1:4 `*` begins an alias, whose name is missing",
            "put quotes around a value that begins with `*`",
        ),
        (
            "a: |b\n  c\n",
            "1:5 after `|` or `>` the text begins in the next line",
            "break the line here, and indent the text",
        ),
        ("a: \x01\n", "1:4 the character U+0001 is not allowed in YAML", "remove it, or write it as an escape"),
        (
            "a: b\r\n\tc: d\r\n",
            "2:1 a tab is used for indentation",
            "indent with spaces: YAML does not allow tabs there",
        ),
        ("x: 1\n---\na: [b\n", "3:4 this list is not closed", "put a `,` between items and a `]` at the end"),
    ],
)
def test_what_is_not_yaml_is_said_in_plain_words_where_it_is(text: str, complaint: str, hint: str) -> None:
    with pytest.raises(InvalidProject) as caught:
        parse(text, "compose.yaml")
    (problem,) = caught.value.problems
    assert problem.where is not None
    assert f"{problem.where.line}:{problem.where.column} {problem.message}" == complaint
    assert problem.hint == hint
