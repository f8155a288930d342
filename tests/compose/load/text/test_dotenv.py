from __future__ import annotations

import pytest

from compose.errors import Location
from compose.load.text.dotenv import DotenvError, read, read_raw


def variables(text: str, **outside: str) -> dict[str, str]:
    found: dict[str, str] = {}
    read(text, ".env", found, outside.get, lambda _: None)
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A = b", "b"),
        ("A: b", "b"),
        ("export A=b", "b"),
        ("A=", ""),
        ("A=b c # comment", "b c"),
        ("A=b#c", "b#c"),
        ("A='b # c' # comment", "b # c"),
        ('A="b # c"', "b # c"),
        ("A='$NO ${NO}'", "$NO ${NO}"),
        (r"A='it\'s'", "it's"),
        (r'A="say \"x\""', 'say "x"'),
        (r'A="one\ntwo\tthree"', "one\ntwo\tthree"),
        (r"A='one\ntwo'", r"one\ntwo"),
        (r'A="\$X"', "$X"),
        (r'A="\0101"', "A"),
        (r'A="\01"', r"\1"),
        (r'A="\0400\0129\0"', r"\400\129" + "\\"),
        ('A="one\rtwo"', "one\rtwo"),
        ("A=one\rB=two\n", "one\rB=two"),
        ("A=b\x1f\n", "b\x1f"),
        ("A=b\u2003\n", "b"),
        ("A='one\ntwo'", "one\ntwo"),
        ("A=a\\b", "a\\b"),
        ("\ufeffA=b", "b"),
        ("# comment\n\n  A=b\n", "b"),
        ("A=b\r\n", "b"),
        ("A=x=y", "x=y"),
    ],
)
def test_a_value_is_read_as_written(text: str, value: str) -> None:
    assert variables(text) == {"A": value}


def test_values_see_the_surroundings_first_and_then_earlier_lines() -> None:
    assert variables("A=1\nB=${A}-$C\n", C="3") == {"A": "1", "B": "1-3"}
    assert variables("A=1\nB=$A\n", A="outside")["B"] == "outside"


def test_a_bare_name_takes_its_value_from_the_surroundings_if_it_has_one_there() -> None:
    assert variables("A\nB\nC=1\n", A="outside") == {"A": "outside", "C": "1"}


def test_names_may_have_dots_dashes_and_brackets() -> None:
    assert variables("a.b-c[0]=1\n") == {"a.b-c[0]": "1"}


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("A=1\nB C=2\n", (2, 1), "contains a space"),
        ("A=1\n%=2\n", (2, 1), "unexpected character `%`"),
        ("A='x\n", (1, 3), "unterminated quoted value 'x"),
        ("A=${B\n", (1, 3), "invalid interpolation"),
        ("A=1\nB=${C:?needed}\n", (2, 3), "required variable `C` is not set: needed"),
    ],
)
def test_a_fault_is_reported_with_its_place(text: str, where: tuple[int, int], message: str) -> None:
    with pytest.raises(DotenvError) as caught:
        variables(text)
    assert caught.value.problems[0].where == Location(".env", *where)
    assert message in caught.value.problems[0].message


def test_the_raw_format_interprets_nothing() -> None:
    found: dict[str, str] = {}
    read_raw("# comment\nA='$X' # not a comment\n\nB\nC\n  D= 1 \n", "x.env", found, {"B": "outside"}.get)
    assert found == {"A": "'$X' # not a comment", "B": "outside", "D": " 1 "}


@pytest.mark.parametrize("line", ["=x", "A B=x"])
def test_the_raw_format_wants_names_without_spaces(line: str) -> None:
    outside: dict[str, str] = {}
    with pytest.raises(DotenvError) as caught:
        read_raw(f"OK=1\n{line}\n", "x.env", {}, outside.get)
    assert caught.value.problems[0].where == Location("x.env", 2, 1)
