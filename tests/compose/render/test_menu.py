"""The line of shortcuts."""

from __future__ import annotations

from compose.render.menu import Menu

KEYS = {"w": "Enable Watch", "d": "Detach"}


def drawn(columns: int) -> list[bytes]:
    written: list[bytes] = []
    menu = Menu(written.append, lambda: columns, colour=False)
    menu.write(b"before\n")
    menu.show(KEYS)
    menu.write(b"output\n")
    menu.close()
    menu.write(b"more\n")
    menu.close()
    return written


def test_the_line_stays_below_what_is_written_while_it_is_shown() -> None:
    line = b"w Enable Watch   d Detach"
    assert drawn(80) == [b"before\n", b"\r\x1b[J" + line, b"\r\x1b[Joutput\n" + line, b"\r\x1b[J", b"more\n"]


def test_what_others_write_is_left_alone_where_the_line_is_taken_away_for_it() -> None:
    written: list[bytes] = []
    told: list[str] = []
    menu = Menu(written.append, lambda: 80, colour=False)
    tell = menu.over(told.append)
    tell("before\n")
    assert (told, written) == (["before\n"], [])
    menu.show(KEYS)
    tell("output\n")
    assert told == ["before\n", "output\n"]
    assert written[1:] == [b"\r\x1b[J", b"w Enable Watch   d Detach"]


def test_what_has_no_room_is_left_out() -> None:
    assert drawn(20)[1] == b"\r\x1b[Jw Enable Watch"
    assert drawn(10)[1] == b"\r\x1b[J"
