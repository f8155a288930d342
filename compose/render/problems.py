"""Errors and warnings as text: where, what, the line with a caret, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from compose.errors import Problem
from compose.render.style import BLUE, BOLD, RED, YELLOW, paint


def render_problems(problems: Sequence[Problem], *, colour: bool = False) -> str:
    """One block per problem, an empty line between them; ends with a newline."""
    return "\n".join(_block(problem, colour=colour) for problem in problems)


def render_warning(message: str, *, colour: bool = False) -> str:
    """One line."""
    return f"{paint('warning:', YELLOW, enabled=colour)} {message}\n"


def _block(problem: Problem, *, colour: bool) -> str:
    where = f"{paint(f'{problem.where}:', BOLD, enabled=colour)} " if problem.where else ""
    lines = [f"{where}{paint('error:', RED, enabled=colour)} {problem.message}"]
    if problem.where and problem.source is not None:
        lines += _excerpt(problem.source, problem.where.line, problem.where.column, colour=colour)
    if problem.hint:
        lines.append(f"{paint('hint:', BLUE, enabled=colour)} {problem.hint}")
    return "\n".join(lines) + "\n"


def _excerpt(source: str, line: int, column: int, *, colour: bool) -> list[str]:
    """The line and a caret under the column; a tab stays a tab, so that the caret stays in place."""
    margin = f" {line} | "
    blank = " " * (len(margin) - 2) + "| "
    text = source.rstrip("\n")
    if not column:
        return [f"{margin}{text}"]
    indent = "".join("\t" if character == "\t" else " " for character in text[: column - 1])
    return [f"{margin}{text}", f"{blank}{indent}{paint('^', RED, enabled=colour)}"]
