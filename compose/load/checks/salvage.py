"""Going on with a project that has mistakes, to find the rest of them in the same run.

What the schema does not allow is taken out of the tree. What is left can be checked like any project, except for
what only seems wrong because something is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from compose.errors import Location, Problem
from compose.load.checks.validate import Deviation, deviations
from compose.load.hints import nearest
from compose.load.tree import Map, Seq, Steps
from schemas import load_schema

SECTIONS = ("services", "networks", "volumes", "configs", "secrets", "models")
_ROUNDS = 5


class Lost(Struct):
    """What was taken out: the names that something is missing of, and the sections that are unknown altogether."""

    names: set[Location] = field(default_factory=set[Location])
    sections: set[str] = field(default_factory=set[str])

    def explains(self, problem: Problem) -> bool:
        """Tell whether a problem may be there only because of what was taken out."""
        if problem.where in self.names:
            return True
        return any(f"undefined {section.removesuffix('s')} " in problem.message for section in self.sections - {""})

    def unexplained(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems that have nothing to do with what was taken out."""
        return [problem for problem in problems if not self.explains(problem)]


def take_out(tree: Map, known: Iterable[Problem]) -> Lost:
    """Take out of a tree what the schema does not allow, in place; `known` are the problems so far."""
    lost = Lost()
    schema = load_schema("compose")
    for _ in range(_ROUNDS):  # without one part another may be of a kind that is looked at more closely
        found = sorted(deviations(tree, schema), key=lambda deviation: _order(deviation.path), reverse=True)
        for deviation in found:  # from the end, so that the indexes of earlier items stay what they are
            _remove(tree, deviation, lost)
        if not found:
            break
    services = tree.get("services")
    if isinstance(services, Map):
        for name, service in services.items():
            if isinstance(service, Map) and "extends" in service:  # its base could not be found
                lost.names.add(services.key_at(name))
                del service["extends"]
    places = {problem.where for problem in known}
    for section in (entries for entries in (tree.get(name) for name in SECTIONS) if isinstance(entries, Map)):
        lost.names.update(section.key_at(name) for name in section if section.value_at(name) in places)
    return lost


def _order(path: Steps) -> tuple[tuple[bool, int, str], ...]:
    return tuple((isinstance(step, str), step if isinstance(step, int) else 0, str(step)) for step in path)


def _remove(tree: Map, deviation: Deviation, lost: Lost) -> None:
    path = deviation.path
    section = tree.get(str(path[0])) if path else None
    if len(path) < 2:
        name = str(path[0]) if path else ""
        # A misspelt section is as unknown as one that is not a mapping.
        lost.sections.add(name if name in SECTIONS else nearest(name, SECTIONS) or "")
        tree.pop(name, None)
    elif isinstance(section, Map) and path[1] in section:
        name = str(path[1])
        lost.names.add(section.key_at(name))
        if len(path) > 2:
            _drop(_parent(section, path[1:-1]), path[-1])
        elif deviation.is_key:
            del section[name]
        elif not isinstance(section[name], Map):
            section[name] = Map(section.value_at(name))  # the name stays known to those who refer to it


def _parent(part: object, path: Steps) -> object:
    """Return the part of a tree at `path`, None when an earlier removal took it along."""
    for step in path:
        if isinstance(part, Map) and isinstance(step, str):
            part = part.get(step)
        elif isinstance(part, Seq) and isinstance(step, int) and step < len(part):
            part = part[step]
        else:
            return None
    return part


def _drop(part: object, last: str | int) -> None:
    if isinstance(part, Map):
        part.pop(str(last), None)
    elif isinstance(part, Seq) and isinstance(last, int) and last < len(part):
        places = [place for _, place in part.pairs()]
        del part[last], places[last]
        part.places = places
