"""Errors, log lines and documents as text."""

from __future__ import annotations

from compose.errors import Location, Problem
from compose.plan.telling.progress import Ended, Output
from compose.render.logs import LogFormat
from compose.render.problems import render_problems


def test_an_error_shows_the_place_the_line_and_the_way_out() -> None:
    problem = Problem(
        "unknown key `imgae`", Location("compose.yaml", 3, 5), "did you mean `image`?", "    imgae: nginx"
    )
    assert render_problems([problem]) == (
        "compose.yaml:3:5: error: unknown key `imgae`\n"
        " 3 |     imgae: nginx\n   |     ^^^^^\nhint: did you mean `image`?\n"
    )


def test_several_errors_are_blocks_apart() -> None:
    assert render_problems([Problem("one"), Problem("two")]) == "error: one\n\nerror: two\n"


def test_a_caret_stays_under_its_column_behind_a_tab() -> None:
    text = render_problems([Problem("bad", Location("f", 1, 3), source="\tab")])
    assert text.splitlines()[-1] == "   | \t ^"


def test_names_stand_in_a_column_each_in_its_own_colour() -> None:
    style = LogFormat(["web-1", "database-1"], colour=True)
    assert style.output(Output("web-1", 1, (b"hi", b""))) == (
        b"\x1b[36mweb-1       | \x1b[0mhi\n\x1b[36mweb-1       | \x1b[0m\n"
    )
    assert style.output(Output("database-1", 2, (b"x",))).startswith(b"\x1b[33mdatabase-1  | ")


def test_what_is_no_text_passes_unchanged() -> None:
    assert LogFormat(colour=False).output(Output("a", 1, (b"\xff\x00",))) == b"a  | \xff\x00\n"


def test_without_prefix_lines_are_bare() -> None:
    assert LogFormat(colour=False, prefix=False).output(Output("a", 1, (b"x",))) == b"x\n"


def test_the_end_of_a_container_is_told() -> None:
    style = LogFormat(colour=False)
    assert style.ended(Ended("web-1", 3)) == b"web-1 exited with code 3\n"
    assert style.ended(Ended("web-1", 3, will_restart=True)) == b"web-1 exited with code 3 (restarting)\n"
