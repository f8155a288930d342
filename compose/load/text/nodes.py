"""YAML text to nodes with places: what is written, before anything of it means anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from compose.errors import InvalidProject, Location, Problem
from compose.lazy import lazy_pattern
from compose.load.text.pyyaml import yaml

MAX_DEPTH = 100

# Where libyaml may read something else than the reference: a directive, and an escape that only libyaml knows.
_DOUBTFUL = lazy_pattern(r"^%|\\/", re.MULTILINE)
_TAG = lazy_pattern(r"(?:&\S*\s+)?(\S*)")


class Scalar(NamedTuple):
    where: Location
    tag: str | None
    text: str
    is_plain: bool


class Sequence(NamedTuple):
    where: Location
    tag: str | None
    items: list[Node]


class Mapping(NamedTuple):
    where: Location
    tag: str | None
    entries: list[tuple[Node, Node]]


class Alias(NamedTuple):
    where: Location
    name: str
    node: Content


Content = Scalar | Sequence | Mapping
Node = Content | Alias


def unaliased(node: Node) -> Content:
    """Return the node, or what an alias stands for."""
    return node.node if isinstance(node, Alias) else node


def read_nodes(text: str, file: str) -> list[Content]:
    """Return the root of every document of a YAML stream.

    Raises `yaml.YAMLError` for what is not YAML, and `InvalidProject` for an alias of nothing and for endless depth.
    """
    fast = getattr(yaml, "CSafeLoader", None)
    if fast is None or _DOUBTFUL.search(text):
        return _exactly(text, file)
    try:
        return list(_Composer(fast(text), file, text).documents())
    except _DoubtError:
        return _exactly(text, file)
    except yaml.YAMLError as exc:
        try:
            return _exactly(text, file)
        except yaml.YAMLError:
            raise exc from None  # both refuse it: the places and words of libyaml are the better ones


class _DoubtError(Exception):
    """libyaml may have read something in another way than the reference: there, within brackets, a plain scalar ends
    at `?`, and a tag goes on to the next blank.
    """


def _exactly(text: str, file: str) -> list[Content]:
    from compose.load.text.scanner import Events  # rarely needed

    return list(_Composer(Events(text), file).documents())


class _Composer:
    """Builds nodes from the events of a parser, and doubts them where `text` is given."""

    def __init__(self, events: Any, file: str, text: str | None = None) -> None:
        self._events = events
        self._file = file
        self._text = text
        self._anchors: dict[str, Content] = {}  # of all documents: the reference keeps them from one to the next

    def documents(self) -> Iterator[Content]:
        while True:
            event = self._events.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                return
            if isinstance(event, yaml.DocumentStartEvent):
                yield unaliased(self._node(self._events.get_event(), 0))

    def _node(self, event: Any, depth: int, *, is_in_flow: bool = False) -> Node:
        mark = event.start_mark
        where = Location(self._file, mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise InvalidProject([Problem(f"unknown anchor `{event.anchor}`", where)])
            return Alias(where, event.anchor, self._anchors[event.anchor])
        if depth > MAX_DEPTH:
            raise InvalidProject([Problem(f"nested more than {MAX_DEPTH} levels deep", where)])
        if is_in_flow and self._text is not None:
            self._doubt(event, self._text)
        if isinstance(event, yaml.ScalarEvent):
            return self._anchor(event, Scalar(where, event.tag, event.value, event.style in (None, "")))
        is_in_flow = event.flow_style
        if isinstance(event, yaml.SequenceStartEvent):
            sequence = Sequence(where, event.tag, [])
            self._anchor(event, sequence)
            while not isinstance(child := self._events.get_event(), yaml.SequenceEndEvent):
                sequence.items.append(self._node(child, depth + 1, is_in_flow=is_in_flow))
            return sequence
        mapping = Mapping(where, event.tag, [])
        self._anchor(event, mapping)
        while not isinstance(child := self._events.get_event(), yaml.MappingEndEvent):
            key = self._node(child, depth + 1, is_in_flow=is_in_flow)
            mapping.entries.append((key, self._node(self._events.get_event(), depth + 1, is_in_flow=is_in_flow)))
        return mapping

    def _anchor(self, event: Any, node: Content) -> Content:
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    @staticmethod
    def _doubt(event: Any, text: str) -> None:
        if event.tag is not None:
            tag = _TAG.match(text, event.start_mark.index)
            if tag is not None and any(indicator in tag[1] for indicator in ",[]{}"):
                raise _DoubtError
        if isinstance(event, yaml.ScalarEvent) and not event.style and "?" in event.value:
            raise _DoubtError
