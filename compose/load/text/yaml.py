"""YAML text to `Map`, `Seq` and scalars that know where they stand.

Works on the parser's events (libyaml's where it is there), because the stock loaders lose the places, let the
last of two equal keys win and resolve scalars by YAML 1.1. `!reset` and `!override` are taken out of the tree and
returned as paths. Aliases are expanded to copies, within bounds, so a small file cannot become a huge one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from compose.errors import InvalidProject, Location, Problem
from compose.load.text.nodes import MAX_DEPTH, Alias, Content, Mapping, Node, Scalar, Sequence, read_nodes, unaliased
from compose.load.text.pyyaml import yaml
from compose.load.text.scalars import YAML, resolve_plain, resolve_tagged
from compose.load.tree import NOWHERE, Map, Seq

MERGE_KEY = "<<"
RESET = "!reset"
OVERRIDE = "!override"
# How much of a document may come from aliases (as in the Go library that Compose is built on): 99 % of one with up
# to 400,000 nodes, then less and less down to 10 % of 4,000,000.
FREE_ALIASES, FREE_NODES = 100, 1_000
SMALL, LARGE = 400_000, 4_000_000
LARGEST_SHARE, SMALLEST_SHARE = 0.99, 0.10

Path = tuple[str, ...]


class Document(Struct):
    """One YAML document: its tree, the paths that were tagged `!reset` or `!override`, and its place.

    `reset_name` is the text of a project name that was tagged `!reset`: the reference takes it for the name.
    """

    tree: Any
    resets: set[Path] = field(default_factory=set[Path])
    where: Location = NOWHERE
    reset_name: str = ""


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
        documents = [expander.document(node) for node in read_nodes(text, file)]
    except yaml.YAMLError as exc:
        from compose.load.text.syntax import explain  # only when something is wrong

        raise InvalidProject([explain(exc, text, file)]) from exc
    if expander.problems and report is None:
        raise InvalidProject(expander.problems)
    for problem in expander.problems:
        if report is not None:
            report(problem)
    return documents


class _Expander:
    """Turns nodes into values: aliases copied, merge keys merged, tags applied."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._resets: set[Path] = field(default_factory=set[Path])
        self._gone: set[tuple[int, int]] = set()
        self._open: list[int] = []
        self._uses: dict[int, _Uses] = {}
        self._has_kept = False
        self._count = self._alias_count = self._alias_depth = 0

    def document(self, node: Content) -> Document:
        self._resets, self._uses, self._has_kept = set(), {}, False
        known = len(self.problems)
        tree = self._value(node, ())
        if self._has_kept and self._gone:
            # An alias may have taken something out of what was read before, within `!override`.
            del self.problems[known:]
            tree = self._value(node, ())
        return Document(None if tree is _RESET else tree, self._resets, node.where, _reset_name(node))

    def _value(self, node: Node, path: Path, *, is_kept: bool = False, is_merged: bool = False) -> Any:
        """Return what a node stands for at `path`.

        Within `!override` (`is_kept`) the tags mean nothing more. What is merged may have keys that are no strings.
        """
        if isinstance(node, Alias):
            return self._alias(node, path, is_kept=is_kept, is_merged=is_merged)
        self._tally(node)
        if not is_kept and node.tag in (RESET, OVERRIDE):
            self._resets.add(path)
            if node.tag == RESET:
                return _RESET
            is_kept = self._has_kept = True
        if isinstance(node, Scalar):
            return self._scalar(node)
        if len(self._open) > MAX_DEPTH:
            raise InvalidProject([Problem(f"aliases make this more than {MAX_DEPTH} levels deep", node.where)])
        self._open.append(id(node))
        if isinstance(node, Mapping):
            value: Map | Seq = self._mapping(node, path, is_kept=is_kept, is_merged=is_merged)
        else:
            value = self._sequence(node, path, is_kept=is_kept)
        self._open.pop()
        return value

    def _alias(self, alias: Alias, path: Path, *, is_kept: bool, is_merged: bool) -> Any:
        if id(alias.node) in self._open:
            raise InvalidProject([Problem(f"`*{alias.name}` stands inside of what it stands for", alias.where)])
        if not is_kept and self._uses.setdefault(id(alias.node), _Uses()).are_nested(path):
            hint = "docker compose takes this for a cycle: write it out, or merge it in another place"
            raise InvalidProject(
                [Problem(f"`*{alias.name}` stands inside of another `*{alias.name}`", alias.where, hint)]
            )
        self._alias_depth += 1
        value = self._value(alias.node, path, is_kept=is_kept, is_merged=is_merged)
        self._alias_depth -= 1
        return value

    def _tally(self, node: Content) -> None:
        self._count += 1
        if self._alias_depth == 0:
            return
        self._alias_count += 1
        if self._alias_count <= FREE_ALIASES or self._count <= FREE_NODES:
            return
        excess = min(max(self._count - SMALL, 0) / (LARGE - SMALL), 1.0)
        if self._alias_count > self._count * (LARGEST_SHARE - excess * (LARGEST_SHARE - SMALLEST_SHARE)):
            raise InvalidProject([Problem("the aliases of this file expand to more than it can mean", node.where)])

    def _scalar(self, node: Scalar) -> Any:
        if node.tag is None or node.tag == "!":
            return resolve_plain(node.text) if node.is_plain else node.text
        try:
            return resolve_tagged(node.tag, node.text)
        except ValueError as exc:
            self.problems.append(Problem(str(exc), node.where))
            return node.text

    def _sequence(self, node: Sequence, path: Path, *, is_kept: bool) -> Seq:
        result = Seq(node.where)
        for index, item in enumerate(node.items):
            value = self._entry(node, index, item, (*path, str(index)), is_kept=is_kept)
            if value is not _RESET:
                result.add(value, unaliased(item).where)
        return result

    def _entry(
        self, parent: Content, index: int, node: Node, path: Path, *, is_kept: bool, is_merged: bool = False
    ) -> Any:
        """Return an entry's value; one that is reset is gone from then on, wherever its parent is used again."""
        if self._gone and (id(parent), index) in self._gone:
            return _RESET
        value = self._value(node, path, is_kept=is_kept, is_merged=is_merged)
        if value is _RESET:
            self._gone.add((id(parent), index))
        return value

    def _mapping(self, node: Mapping, path: Path, *, is_kept: bool, is_merged: bool) -> Map:
        result = Map(node.where)
        seen: dict[str, Location] = {}
        merges: list[int] = []
        for index, (key_node, value_node) in enumerate(node.entries):
            key = self._key(key_node, is_merged=is_merged)
            if key is None or self._is_seen(key_node, seen):
                continue
            if _is_merge(key_node):
                merges.append(index)
                continue
            value = self._entry(node, index, value_node, (*path, key), is_kept=is_kept)
            if value is not _RESET:
                result.put(key, value, key_node.where, unaliased(value_node).where)
        for index in merges:
            self._merge(node, index, result, path, is_kept=is_kept)
        return result

    def _is_seen(self, node: Node, seen: dict[str, Location]) -> bool:
        """Tell whether a mapping has the key already, and note the problem; keys are compared as they are written."""
        key = node.name if isinstance(node, Alias) else node.text if isinstance(node, Scalar) else ""
        if key in seen:
            hint = f"the first one is at {seen[key]}: keep one of them"
            self.problems.append(Problem(f"key `{key}` is set twice", node.where, hint))
            return True
        seen[key] = node.where
        return False

    def _key(self, node: Node, *, is_merged: bool) -> str | None:
        content = unaliased(node)
        value = self._scalar(content) if isinstance(content, Scalar) else None
        if isinstance(value, str):
            return value
        if is_merged and isinstance(content, Scalar):
            return None if value is None else content.text
        shown = f"`{content.text}`" if isinstance(content, Scalar) else "a collection"
        hint = f'write it as "{content.text}"' if isinstance(content, Scalar) else None
        self.problems.append(Problem(f"keys must be strings, this one is {shown}", node.where, hint))
        return None

    def _merge(self, node: Mapping, index: int, target: Map, path: Path, *, is_kept: bool) -> None:
        """Add the entries of `<<` that the mapping does not have itself; of several sources the first wins."""
        source = node.entries[index][1]
        content = unaliased(source)
        # The reference looks for what is reset where the merged entries end up; that fails at the top, and in lists.
        path = path or (MERGE_KEY,)
        if isinstance(content, Sequence) and content.tag not in (RESET, OVERRIDE):
            for number, item in enumerate(content.items):
                value = self._entry(content, number, item, (*path, str(number)), is_kept=is_kept, is_merged=True)
                self._take_missing(value, target, item)
        else:
            value = self._entry(node, index, source, path, is_kept=is_kept, is_merged=True)
            self._take_missing(value, target, source)

    def _take_missing(self, merged: Any, target: Map, source: Node) -> None:
        if isinstance(merged, Map):
            for key in merged:
                if key not in target:
                    target.take(merged, key)
        elif merged is not _RESET:
            where = unaliased(source).where
            self.problems.append(Problem("`<<` needs a mapping or a list of mappings", where))


class _Uses:
    """The paths at which one anchor is used."""

    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._above: set[Path] = set()

    def are_nested(self, path: Path) -> bool:
        """Note one more use; tell whether it is within an earlier one, or has one within itself."""
        if MERGE_KEY in path:
            return False
        above = [path[:length] for length in range(1, len(path))]
        is_nested = path in self._above or any(prefix in self._paths for prefix in above)
        self._paths.add(path)
        self._above.update(above)
        return is_nested


def _reset_name(root: Content) -> str:
    if isinstance(root, Mapping):
        for key, value in root.entries:
            if isinstance(key, Scalar) and isinstance(value, Scalar) and (key.text, value.tag) == ("name", RESET):
                return value.text
    return ""


def _is_merge(node: Node) -> bool:
    if not isinstance(node, Scalar) or node.text != MERGE_KEY:
        return False
    return node.is_plain if node.tag in (None, "!") else node.tag == f"{YAML}merge"
