"""A plan's summary as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from msgspec import UNSET

from compose.errors import Problem
from compose.plan.changes import Change
from compose.plan.telling.summary import Entry
from compose.plan.words import VerbName
from compose.render.problems import problem_record
from compose.render.style import BLUE, GREEN, RED, YELLOW, paint

MARKS: dict[VerbName, tuple[str, str]] = {
    "keep": (" ", ""),
    "pull": ("↓", BLUE),
    "build": ("⚒", BLUE),
    "create": ("+", GREEN),
    "recreate": ("±", YELLOW),
    "start": ("▸", GREEN),
    "restart": ("↻", YELLOW),
    "stop": ("■", RED),
    "kill": ("■", RED),
    "remove": ("-", RED),
    "run": ("▸", ""),
}
_LONGEST_VALUE = 60

Origin = Callable[[Entry, Change], str]


def plan_text(entries: Sequence[Entry], origin: Origin, *, colour: bool, problems: int = 0) -> str:
    """One block per service (images, networks and volumes before them), and a count of everything at the end.

    With `problems` it says there as well that the plan cannot be carried out, and of how many.
    """
    lines: list[str] = []
    for title, group in groupby(entries, key=_title):
        lines.append(title)
        for entry in group:
            lines += _entry(entry, origin, colour=colour)
    counts = Counter(entry.verb for entry in entries)
    told = [f"{counts[verb]} to {verb}" for verb in MARKS if counts[verb] and verb != "keep"]
    total = ", ".join(told) or "nothing to do"
    kept = f"; {counts['keep']} kept" if counts["keep"] else ""
    vain = f"; cannot be carried out ({problems} problem{'s' if problems > 1 else ''})" if problems else ""
    return "".join(f"{line}\n" for line in [*lines, *([""] if lines else []), f"Plan: {total}{kept}{vain}"])


def _nowhere(_: Entry, __: Change) -> str:
    return ""


def plan_json(entries: Iterable[Entry], origin: Origin = _nowhere, problems: Sequence[Problem] = ()) -> str:
    """`{"entries": [...], "problems": [...]}`; a change without `before` or `after` appears or disappears."""
    found = [
        {
            "kind": entry.kind,
            "name": entry.name,
            "service": entry.service,
            "action": entry.verb,
            "because": entry.because,
            "changes": [_change(entry, change, origin) for change in entry.changes],
        }
        for entry in entries
    ]
    told = [problem_record(problem) for problem in problems]
    return json.dumps({"entries": found, "problems": told}, indent=2, ensure_ascii=False) + "\n"


def _title(entry: Entry) -> str:
    return f"service {entry.service}" if entry.service else f"{entry.kind}s"


def _entry(entry: Entry, origin: Origin, *, colour: bool) -> list[str]:
    mark, shade = MARKS[entry.verb]
    because = f" ({entry.because})" if entry.because else ""
    head = f"  {mark} {entry.verb} {entry.name}"
    lines = [(paint(head, shade) if colour and shade else head) + because]
    width = max((len(change.name) for change in entry.changes), default=0)
    for change in entry.changes:
        where = origin(entry, change)
        told = f"      {change.name:{width}}  {_value(change.before)} → {_value(change.after)}"
        lines.append(f"{told}  {where}" if where else told)
    return lines


def _change(entry: Entry, change: Change, origin: Origin) -> dict[str, Any]:
    told: dict[str, Any] = {"path": list(change.path)}
    if change.before is not UNSET:
        told["before"] = change.before
    if change.after is not UNSET:
        told["after"] = change.after
    if where := origin(entry, change):
        told["origin"] = where
    return told


def _value(value: object) -> str:
    if value is UNSET:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return f"{text[: _LONGEST_VALUE - 1]}…" if len(text) > _LONGEST_VALUE else text
