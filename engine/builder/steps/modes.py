"""`--chmod`: octal (`0644`), or symbolic as in chmod(1) (`u=rwX,go+r`). Pure."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from typing import Final

from engine.builder.dockerfile.problem import Misspelt

# From a file's st_mode to its new permission bits.
Mode = Callable[[int], int]

_CLAUSE: Final = re.compile(r"([ugoa]*)((?:[-+=][rwxXst]*)+)")
_ACTION: Final = re.compile(r"([-+=])([rwxXst]*)")
_SHIFTS: Final = {"u": 6, "g": 3, "o": 0}
_BITS: Final = {"r": 4, "w": 2, "x": 1}
_SPECIAL: Final = {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}


def read_mode(text: str) -> Mode:
    """What a `--chmod` does to a mode. Raises `Misspelt`."""
    if text.isdecimal():
        if re.fullmatch("[0-7]{1,5}", text) and (octal := int(text, 8)) <= 0o7777:
            return lambda _: octal
        raise Misspelt(f"invalid chmod parameter: '{text}'", "it should be octal, between 0 and 07777")
    clauses = []
    for part in text.split(","):
        match = _CLAUSE.fullmatch(part)
        if match is None:
            raise Misspelt(f"invalid chmod parameter: '{text}'", "write 0644, or u=rwX,go=rX")
        clauses.append((match[1].replace("a", "ugo") or "ugo", _ACTION.findall(match[2])))

    def change(mode: int) -> int:
        result = stat.S_IMODE(mode)
        for who, actions in clauses:
            for operator, letters in actions:
                result = _changed(result, who, operator, letters, has_x=stat.S_ISDIR(mode) or bool(mode & 0o111))
        return result

    return change


def _changed(mode: int, who: str, operator: str, letters: str, *, has_x: bool) -> int:
    for one in who:
        bits = 0
        for letter in letters:
            bits |= _bit(letter, one, has_x=has_x)
        if operator == "+":
            mode |= bits
        elif operator == "-":
            mode &= ~bits
        else:
            mode = mode & ~(0o7 << _SHIFTS[one] | _SPECIAL[one]) | bits
    return mode


def _bit(letter: str, who: str, *, has_x: bool) -> int:
    if letter == "s":
        return _SPECIAL[who]
    if letter == "t":
        return stat.S_ISVTX
    if letter == "X":
        letter = "x" if has_x else ""
    return _BITS.get(letter, 0) << _SHIFTS[who]
