"""Yes-or-no questions."""

from __future__ import annotations

import sys

from compose.cli.session import is_true


def is_agreed(question: str, *, default: bool = False) -> bool:
    """Ask; the default is what Enter means at a terminal. Elsewhere nothing but a line that says yes is one."""
    _ask(question, default=default)
    return _is_yes(sys.stdin.readline(), default=default)


async def is_agreed_meanwhile(question: str) -> bool:
    """As `is_agreed` with no for a default, while an event loop runs, which lets signals end the command."""
    from compose.cli.stdin import read_some, standard_input

    _ask(question, default=False)
    line = b""
    with standard_input() as descriptor:
        while not line.endswith(b"\n") and (more := await read_some(descriptor, 1)):
            line += more
    return _is_yes(line.decode(errors="replace"), default=False)


def _ask(question: str, *, default: bool) -> None:
    sys.stdout.write(f"{question} [{'Y/n' if default else 'y/N'}]: ")
    sys.stdout.flush()


def _is_yes(line: str, *, default: bool) -> bool:
    answer = line.strip()
    if not answer:
        return default and bool(line) and sys.stdin.isatty()
    return is_true(answer)
