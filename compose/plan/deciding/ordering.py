"""Dependants after what they depend on, or the other way round. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def in_dependency_order(
    names: Iterable[str], dependencies: Callable[[str], Iterable[str]], *, seen: set[str] | None = None
) -> list[str]:
    """The names, each after all that it depends on. Labels may lie: a cycle is cut where it closes."""
    done: list[str] = []
    known = seen if seen is not None else set()

    def visit(name: str) -> None:
        if name in known:
            return
        known.add(name)
        for other in sorted(dependencies(name)):
            visit(other)
        done.append(name)

    for name in names:
        visit(name)
    return done
