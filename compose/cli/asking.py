"""Questions with yes or no for an answer."""

from __future__ import annotations

import sys

from compose.cli.session import is_true


def is_agreed(question: str, *, default: bool = False) -> bool:
    """Ask; the default is what Enter means at a terminal. Elsewhere nothing but a line that says yes is one."""
    sys.stdout.write(f"{question} [{'Y/n' if default else 'y/N'}]: ")
    sys.stdout.flush()
    line = sys.stdin.readline()
    answer = line.strip()
    if not answer:
        return default and bool(line) and sys.stdin.isatty()
    return is_true(answer)
