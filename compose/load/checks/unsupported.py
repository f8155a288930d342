"""A project's attributes that have no effect, and where they stand."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from compose.errors import Location
from compose.load.rules import Rules, compile_rules
from compose.load.tree import Map, Seq
from compose.model.support import RULES, Rule

_RULES = compile_rules(RULES)


class WithoutEffect(msgspec.Struct, frozen=True):
    """An attribute by its path in the document (`services.web.runtime`), its place and the rule that says why."""

    path: str
    where: Location
    rule: Rule
    more: int = 0  # how often there is the like in other places

    def __str__(self) -> str:
        more = (
            f" (and in {self.more} more places)" if self.more > 1 else " (and in one more place)" if self.more else ""
        )
        return f"{self.where}: `{self.path}` {self.rule.effect}: {self.rule.reason}{more}"


def without_effect(tree: Map, services: Collection[str], *, with_docker: bool) -> list[WithoutEffect]:
    """Return the attributes without effect of these services and of the resources, of each kind the first one.

    What no file wrote is left out. `with_docker`: an engine of Docker's is going to be used.
    """
    found: dict[int, list[WithoutEffect]] = {}
    for item in _walk(tree, _RULES, "", with_docker):
        section, _, rest = item.path.partition(".")
        if item.where.line and (section != "services" or rest.partition(".")[0] in services):
            found.setdefault(id(item.rule), []).append(item)
    return [msgspec.structs.replace(items[0], more=len(items) - 1) for items in found.values()]


def _walk(value: Any, rules: Rules[Rule], path: str, with_docker: bool) -> Iterator[WithoutEffect]:
    if isinstance(value, Seq):
        for item in value:
            yield from _walk(item, rules, path, with_docker)
    elif isinstance(value, Map):
        for key, entry in value.items():
            below = rules.at(key)
            if below is None:
                continue
            inner = f"{path}.{key}" if path else key
            if below.rule is not None and below.rule.loses(entry, with_docker=with_docker):
                yield WithoutEffect(inner, value.key_at(key), below.rule)
            else:
                yield from _walk(entry, below, inner, with_docker)
