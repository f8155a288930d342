"""YAML text to `Map`, `Seq` and scalars that know where they stand.

Works on the parser's events (libyaml's where it is there), because the stock loaders lose the places, let the
last of two equal keys win and resolve scalars by YAML 1.1. `!reset` and `!override` are taken out of the tree and
returned as paths. Aliases are expanded to copies, within bounds, so a small file cannot become a huge one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from compose.errors import InvalidProject, Location, Problem
from compose.load.scalars import YAML, resolve_plain, resolve_tagged
from compose.load.tree import Map, Seq

MAX_DEPTH = 100
MAX_NODES = 300_000
MERGE_KEY = "<<"

_Events = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Scalar(NamedTuple):
    where: Location
    tag: str | None
    text: str
    is_plain: bool


class _Sequence(NamedTuple):
    where: Location
    tag: str | None
    items: list[_Node]


class _Mapping(NamedTuple):
    where: Location
    tag: str | None
    entries: list[tuple[_Node, _Node]]


_Node = _Scalar | _Sequence | _Mapping
Path = tuple[str, ...]


@dataclass(slots=True)
class Document:
    """One YAML document: its tree, and the paths that were tagged `!reset` or `!override`."""

    tree: Any
    resets: set[Path] = field(default_factory=set[Path])


class _Reset:
    """Stands for a value tagged `!reset`: its entry is left out."""


_RESET = _Reset()


def parse(text: str, file: str, report: Callable[[Problem], None] | None = None) -> list[Document]:
    """Return the documents of a YAML stream.

    Raises `InvalidProject` with the place of the first thing that is not YAML, or of every duplicate key, key
    that is not a string, and ill-tagged value. These go to `report` instead, if there is one: what they are about
    is left out.
    """
    expander = _Expander()
    try:
        documents = [expander.document(node) for node in _Composer(text, file).documents()]
    except yaml.YAMLError as exc:
        from compose.load.syntax import explain  # only when something is wrong

        raise InvalidProject([explain(exc, text, file)]) from exc
    if expander.problems and report is None:
        raise InvalidProject(expander.problems)
    for problem in expander.problems:
        if report is not None:
            report(problem)
    return documents


class _Composer:
    """Builds nodes from the parser's events."""

    def __init__(self, text: str, file: str) -> None:
        self._events = _Events(text)
        self._file = file
        self._anchors: dict[str, _Node] = {}

    def documents(self) -> Iterator[_Node]:
        while True:
            event = self._events.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                return
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                yield self._node(self._events.get_event(), 0)

    def _node(self, event: Any, depth: int) -> _Node:
        mark = event.start_mark
        where = Location(self._file, mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise InvalidProject([Problem(f"unknown anchor `{event.anchor}`", where)])
            return self._anchors[event.anchor]
        if depth > MAX_DEPTH:
            raise InvalidProject([Problem(f"nested more than {MAX_DEPTH} levels deep", where)])
        if isinstance(event, yaml.ScalarEvent):
            return self._anchor(event, _Scalar(where, event.tag, event.value, event.style in (None, "")))
        if isinstance(event, yaml.SequenceStartEvent):
            sequence = _Sequence(where, event.tag, [])
            self._anchor(event, sequence)
            while not isinstance(child := self._events.get_event(), yaml.SequenceEndEvent):
                sequence.items.append(self._node(child, depth + 1))
            return sequence
        mapping = _Mapping(where, event.tag, [])
        self._anchor(event, mapping)
        while not isinstance(child := self._events.get_event(), yaml.MappingEndEvent):
            key = self._node(child, depth + 1)
            mapping.entries.append((key, self._node(self._events.get_event(), depth + 1)))
        return mapping

    def _anchor(self, event: Any, node: _Node) -> _Node:
        if event.anchor:
            self._anchors[event.anchor] = node
        return node


class _Expander:
    """Turns nodes into values: aliases copied, merge keys merged, tags applied."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._resets: set[Path] = set()
        self._open: list[int] = []
        self._count = 0

    def document(self, node: _Node) -> Document:
        self._resets = set()
        tree = self._value(node, ())
        return Document(None if tree is _RESET else tree, self._resets)

    def _value(self, node: _Node, path: Path) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise InvalidProject([Problem("the aliases of this file expand to more than it can mean", node.where)])
        if node.tag == "!reset":
            self._resets.add(path)
            return _RESET
        if node.tag == "!override":
            self._resets.add(path)
        if isinstance(node, _Scalar):
            return self._scalar(node)
        if id(node) in self._open or len(self._open) > MAX_DEPTH:
            raise InvalidProject([Problem("an anchor contains an alias of itself", node.where)])
        self._open.append(id(node))
        value = self._mapping(node, path) if isinstance(node, _Mapping) else self._sequence(node, path)
        self._open.pop()
        return value

    def _scalar(self, node: _Scalar) -> Any:
        tag = node.tag
        if tag is None or tag == "!":
            return resolve_plain(node.text) if node.is_plain and tag is None else node.text
        try:
            return resolve_tagged(tag, node.text)
        except ValueError as exc:
            self.problems.append(Problem(str(exc), node.where))
            return node.text

    def _sequence(self, node: _Sequence, path: Path) -> Seq:
        result = Seq(node.where)
        for index, item in enumerate(node.items):
            value = self._value(item, (*path, str(index)))
            if value is not _RESET:
                result.add(value, item.where)
        return result

    def _mapping(self, node: _Mapping, path: Path) -> Map:
        result = Map(node.where)
        seen: dict[str, Location] = {}
        merges: list[_Node] = []
        for key_node, value_node in node.entries:
            key = self._key(key_node)
            if key is None:
                continue
            if key in seen:
                hint = f"the first one is at {seen[key]}: keep one of them"
                self.problems.append(Problem(f"key `{key}` is set twice", key_node.where, hint))
                continue
            seen[key] = key_node.where
            if _is_merge(key_node):
                merges.append(value_node)
                continue
            value = self._value(value_node, (*path, key))
            if value is not _RESET:
                result.put(key, value, key_node.where, value_node.where)
        for source in merges:
            for item in source.items if isinstance(source, _Sequence) else [source]:
                self._merge(item, result, path)
        return result

    def _key(self, node: _Node) -> str | None:
        value = self._scalar(node) if isinstance(node, _Scalar) else None
        if isinstance(value, str):
            return value
        shown = f"`{node.text}`" if isinstance(node, _Scalar) else "a collection"
        hint = f'write it as "{node.text}"' if isinstance(node, _Scalar) else None
        self.problems.append(Problem(f"keys must be strings, this one is {shown}", node.where, hint))
        return None

    def _merge(self, source: _Node, target: Map, path: Path) -> None:
        """Add the entries of `<<` that the mapping does not have itself; of several sources the first wins."""
        merged = self._value(source, path)
        if not isinstance(merged, Map):
            if merged is not _RESET:
                self.problems.append(Problem("`<<` needs a mapping or a list of mappings", source.where))
            return
        for key in merged:
            if key not in target:
                target.take(merged, key)


def _is_merge(node: _Node) -> bool:
    if not isinstance(node, _Scalar) or node.text != MERGE_KEY:
        return False
    return node.is_plain if node.tag in (None, "!") else node.tag == f"{YAML}merge"
