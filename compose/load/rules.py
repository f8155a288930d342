"""Tables keyed by paths: `services.*.ports.[]` names every entry of every service's ports.

`*` stands for any key and any item, `[]` for any item. A table is compiled to a tree, so a walk over a document
looks only where a rule can apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field

T = TypeVar("T")


class Rules(Struct, Generic[T]):
    """One node of the tree: the rule that ends here, and the rules further down."""

    rule: T | None = None
    below: dict[str, Rules[T]] = field(default_factory=dict[str, "Rules[T]"])

    def at(self, step: str) -> Rules[T] | None:
        """Return the rules for one step further: an exact one wins over `*`."""
        return self.below.get(step) or self.below.get("*")


def compile_rules(table: Mapping[str, T]) -> Rules[T]:
    """Return the tree for a table of dotted paths."""
    root: Rules[T] = Rules()
    for path, rule in table.items():
        node = root
        for step in path.split("."):
            node = node.below.setdefault(step, Rules())
        node.rule = rule
    return root
