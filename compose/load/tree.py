"""Mappings and sequences that remember where in the user's files they and their entries stand.

The stages of the loader pass plain values around: `Map` and `Seq` are a dict and a list. Scalars carry no
place; the container keeps it for them, so that every stage can work with ordinary Python values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from compose.errors import Location

NOWHERE = Location("")
Steps = tuple[str | int, ...]


class Map(dict[str, Any]):
    """A mapping; `keys_at` and `values_at` hold the places of its entries as far as they are known."""

    __slots__ = ("keys_at", "values_at", "where")

    def __init__(self, where: Location, entries: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__(entries)
        self.where = where
        self.keys_at: dict[str, Location] = {}
        self.values_at: dict[str, Location] = {}

    def put(self, key: str, value: Any, key_at: Location, value_at: Location | None = None) -> None:
        """Set an entry together with its places."""
        self[key] = value
        self.keys_at[key] = key_at
        self.values_at[key] = value_at or key_at

    def take(self, other: Map, key: str) -> None:
        """Set the entry `key` to that of `other`, places included."""
        self[key] = other[key]
        self.keys_at[key] = other.key_at(key)
        self.values_at[key] = other.value_at(key)

    def key_at(self, key: str) -> Location:
        """Return the place of an entry's key, or that of the mapping for a key that no file wrote."""
        return self.keys_at.get(key, self.where)

    def value_at(self, key: str) -> Location:
        """Return the place of an entry's value."""
        value = self.get(key)
        if isinstance(value, Map | Seq):
            return value.where
        return self.values_at.get(key, self.where)

    def fresh(self) -> Map:
        """Return an empty mapping that stands where this one stands, with the places of the same keys."""
        twin = Map(self.where)
        twin.keys_at = dict(self.keys_at)
        twin.values_at = dict(self.values_at)
        return twin


class Seq(list[Any]):
    """A sequence; `places` runs parallel to its items (a missing place means that of the sequence)."""

    __slots__ = ("places", "where")

    def __init__(self, where: Location, items: Iterable[Any] = (), places: Iterable[Location] = ()) -> None:
        super().__init__(items)
        self.where = where
        self.places = list(places)

    @classmethod
    def of(cls, where: Location, items: Iterable[tuple[Any, Location]]) -> Self:
        """Return a sequence of the given items, each with its place."""
        pairs = list(items)
        return cls(where, (item for item, _ in pairs), (place for _, place in pairs))

    def add(self, item: Any, place: Location) -> None:
        """Append one item with its place."""
        self.append(item)
        self.places.append(place)

    def place(self, index: int) -> Location:
        """Return the place of an item."""
        item = self[index]
        if isinstance(item, Map | Seq):
            return item.where
        return self.places[index] if index < len(self.places) else self.where

    def pairs(self) -> list[tuple[Any, Location]]:
        """Return the items, each with its place."""
        return [(item, self.place(index)) for index, item in enumerate(self)]


def clone(value: Any) -> Any:
    """Return a deep copy; scalars and places are shared."""
    if isinstance(value, Map):
        twin = value.fresh()
        for key, entry in value.items():
            twin[key] = clone(entry)
        return twin
    if isinstance(value, Seq):
        return Seq(value.where, (clone(item) for item in value), value.places)
    return value


def locate(tree: Any, path: Iterable[str | int]) -> Location:
    """Return the place of the value at `path`, or of the deepest part of the path that exists."""
    where = tree.where if isinstance(tree, Map | Seq) else NOWHERE
    for step in path:
        if isinstance(tree, Map) and isinstance(step, str) and step in tree:
            where, tree = tree.value_at(step), tree[step]
        elif isinstance(tree, Seq) and isinstance(step, int) and step < len(tree):
            where, tree = tree.place(step), tree[step]
        else:
            break
    return where


def locate_key(tree: Any, path: Steps) -> Location:
    """Return the place of the key at `path` (for an item of a sequence: of the item)."""
    if not path:
        return locate(tree, path)
    parent = tree
    for step in path[:-1]:
        try:
            parent = parent[step]
        except (KeyError, IndexError, TypeError):
            return locate(tree, path)
    if isinstance(parent, Map) and isinstance(path[-1], str) and path[-1] in parent:
        return parent.key_at(path[-1])
    return locate(tree, path)
