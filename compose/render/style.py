"""Colours of a terminal. No meaning is carried by colour alone."""

from __future__ import annotations

RESET = "\x1b[0m"
RED = "\x1b[31m"
GREEN = "\x1b[32m"
YELLOW = "\x1b[33m"
BLUE = "\x1b[34m"
BOLD = "\x1b[1m"
FAINT = "\x1b[2m"

# One after the other for the prefixes of log lines, the same order as docker compose's.
PREFIXES = tuple(f"\x1b[{number}{weight}m" for weight in ("", ";1") for number in ("36", "33", "32", "35", "34"))


def paint(text: str, colour: str, *, enabled: bool = True) -> str:
    """The text in a colour, or as it is."""
    return f"{colour}{text}{RESET}" if enabled and text else text
