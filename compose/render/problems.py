"""Errors and warnings as text: where, what, the line with a caret, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from compose.errors import Problem
from compose.render.style import BLUE, BOLD, RED, YELLOW, paint


def render_problems(problems: Sequence[Problem], *, colour: bool = False) -> str:
    """One block per problem, an empty line between them; ends with a newline."""
    return "\n".join(_block(problem, colour=colour) for problem in problems)


def render_warning(message: str, *, colour: bool = False) -> str:
    """One line."""
    return f"{paint('warning:', YELLOW, enabled=colour)} {message}\n"


def problems_json(problems: Sequence[Problem]) -> str:
    """A line of JSON per problem: docker compose's `error` and `message`, and what we know of place and remedy."""
    records = [{"error": True, **problem_record(problem)} for problem in problems]
    return "".join(map(_line, records))


def problem_record(problem: Problem) -> dict[str, object]:
    """What is wrong, and what we know of place and remedy."""
    record: dict[str, object] = {"message": problem.message}
    if where := problem.where:
        record |= {"file": where.file, "line": where.line, "column": where.column}
    if problem.hint:
        record["hint"] = problem.hint
    return record


def warning_json(message: str, now: datetime) -> str:
    """A line of JSON, with the fields of docker compose's."""
    record = {"level": "warning", "msg": message, "time": now.isoformat(timespec="seconds")}
    return _line(record)


def _line(record: Mapping[str, object]) -> str:
    import json  # for programs that ask for it

    return json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n"


def _block(problem: Problem, *, colour: bool) -> str:
    where = f"{paint(f'{problem.where}:', BOLD, enabled=colour)} " if problem.where else ""
    lines = [f"{where}{paint('error:', RED, enabled=colour)} {problem.message}"]
    if problem.where and problem.source and problem.source.strip():
        lines += _excerpt(problem, problem.where.line, problem.where.column, colour=colour)
    if problem.hint:
        lines.append(f"{paint('hint:', BLUE, enabled=colour)} {problem.hint}")
    return "\n".join(lines) + "\n"


def _excerpt(problem: Problem, line: int, column: int, *, colour: bool) -> list[str]:
    """The line, and below it a mark under what is wrong."""
    from compose.render.excerpt import excerpt  # only when something is wrong

    text, blank, mark = excerpt(problem.source or "", column, problem.part)
    margin = f" {line} | "
    lines = [f"{margin}{text}"]
    if mark:
        lines.append(f"{' ' * (len(margin) - 2)}| {blank}{paint(mark, RED, enabled=colour)}")
    return lines
