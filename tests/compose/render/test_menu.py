"""The line of shortcuts."""

from __future__ import annotations

from compose.render.menu import Menu

KEYS = {"w": "Enable Watch", "d": "Detach"}


def drawn(columns: int) -> list[bytes]:
    written: list[bytes] = []
    menu = Menu(written.append, lambda: columns, colour=False)
    menu.show(KEYS)
    menu.aside(b"output\n", written.append)
    menu.close()
    menu.aside(b"more\n", written.append)
    return written


def test_the_line_stays_below_what_is_written() -> None:
    line = b"w Enable Watch   d Detach"
    assert drawn(80) == [b"\r\x1b[J" + line, b"\r\x1b[Joutput\n" + line, b"\r\x1b[J", b"\r\x1b[Jmore\n"]


def test_what_has_no_room_is_left_out() -> None:
    assert drawn(20)[0] == b"\r\x1b[Jw Enable Watch"
    assert drawn(10)[0] == b"\r\x1b[J"
