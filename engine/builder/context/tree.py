"""Files to copy from: the context, a stage, an image, a download. All names stay inside the tree's root. Blocks."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from engine.errors import BadRequest
from engine.storage.rooted import resolve_in_root
from engine.wire.ignore import Ignore

_WILD: Final = re.compile(r"[*?\[]")
_CHUNK: Final = 1 << 20
_CAPABILITY: Final = "security.capability"


class Tree(Struct, frozen=True):
    """A directory to copy from. What `ignore` excludes is not there. `keeps_owners` is false for what a client sent,
    whose owners mean nothing here. `digests` are those of files by their places, noted once they were read, where
    somebody sees to it that they stay true.
    """

    root: Path
    ignore: Ignore = field(default_factory=lambda: Ignore([]))
    keeps_owners: bool = False
    digests: dict[str, str] | None = None


class Found(Struct, frozen=True):
    """Something in a tree: `path` is relative to the tree, `place` where it is on the host, symlinks resolved."""

    path: str
    place: Path
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory (or a symlink to one)."""
        return stat.S_ISDIR(self.status.st_mode)


class Entry(Struct, frozen=True):
    """One file below something found; `name` is relative to that, "" for itself."""

    name: str
    place: str
    status: os.stat_result


def find(tree: Tree, pattern: str) -> list[Found]:
    """What a source of COPY means, sorted: itself, or whatever a pattern with `*`, `?`, `[…]` matches.

    Raises `BadRequest` in Docker's words if nothing is there.
    """
    clean = posixpath.normpath("/" + pattern).strip("/")
    if not _WILD.search(clean):
        found = _look(tree, clean)
        if found is None:
            raise BadRequest(
                f"COPY failed: file not found in build context or excluded by .dockerignore: "
                f"stat {clean}: file does not exist"
            )
        return [found]
    matches = [found for path in _expand(tree, "", clean.split("/")) if (found := _look(tree, path))]
    if not matches:
        raise BadRequest(f"COPY failed: no source files were specified: nothing matches {pattern!r}")
    return matches


def walk(tree: Tree, found: Found, excludes: Ignore) -> Iterator[Entry]:
    """Everything below something found, itself first, parents before children, sorted by name."""
    yield Entry("", str(found.place), found.status)
    if found.is_directory:
        yield from _walk(tree, str(found.place), "", found.path, excludes)


def digest(tree: Tree, found: Sequence[Found], excludes: Ignore) -> str:
    """What the contents of several things are, as far as a copy shows it: names, kinds, modes, bytes; never times."""
    total = hashlib.sha256()
    for item in found:
        # The last part of a name shows in the copy; a symlink may have led elsewhere.
        total.update(f"{item.path}\0{item.is_directory}\0".encode("utf-8", "surrogateescape"))
        for entry in walk(tree, item, excludes):
            total.update(_describe(entry, tree))
    return total.hexdigest()


def _describe(entry: Entry, tree: Tree) -> bytes:
    found = entry.status
    facts: list[object] = [entry.name, stat.S_IFMT(found.st_mode)]
    if not stat.S_ISLNK(found.st_mode):
        facts.append(stat.S_IMODE(found.st_mode))
    if tree.keeps_owners:
        facts += [found.st_uid, found.st_gid]
    if stat.S_ISREG(found.st_mode):
        facts += [found.st_size, _content(entry.place, tree.digests)]
        facts += [os.getxattr(entry.place, name) for name in os.listxattr(entry.place) if name == _CAPABILITY]
    elif stat.S_ISLNK(found.st_mode):
        facts.append(Path(entry.place).readlink())
    elif not stat.S_ISDIR(found.st_mode):
        facts.append(found.st_rdev)
    return repr(facts).encode("utf-8", "surrogateescape")


def _content(place: str, known: dict[str, str] | None) -> str:
    if known is None:
        return _read(place)
    if place not in known:
        known[place] = _read(place)
    return known[place]


def _read(place: str) -> str:
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _look(tree: Tree, path: str) -> Found | None:
    if path and tree.ignore.excludes(path) and not tree.ignore.has_exceptions:
        return None
    place = resolve_in_root(tree.root, path)
    try:
        found = place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISDIR(found.st_mode) and path and tree.ignore.excludes(path):
        return None
    return Found(path, place, found)


def _expand(tree: Tree, base: str, parts: Sequence[str]) -> Iterator[str]:
    """The paths below `base` that match a pattern's parts (Go's filepath.Match for each, `**` for any depth)."""
    first, rest = parts[0], parts[1:]
    if not _WILD.search(first):
        path = posixpath.join(base, first)
        yield from _expand(tree, path, rest) if rest else [path]
        return
    rule = re.compile(_component(first), re.DOTALL)
    for name in _names(tree, base):
        path = posixpath.join(base, name)
        if first == "**":
            yield from _expand(tree, path, parts) if _is_directory(tree, path) else ()
        if rule.fullmatch(name):
            yield from _expand(tree, path, rest) if rest else [path]
    if first == "**" and rest:
        yield from _expand(tree, base, rest)


def _component(pattern: str) -> str:
    """One part of a pattern as a regular expression."""
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.sub(r"\\\[(\\\^|\^|!)?(.*?)\\\]", lambda match: f"[{'^' if match[1] else ''}{_unescape(match[2])}]", text)


def _unescape(text: str) -> str:
    return text.replace("\\-", "-")


def _names(tree: Tree, base: str) -> list[str]:
    try:
        with os.scandir(resolve_in_root(tree.root, base)) as listing:
            return sorted(entry.name for entry in listing)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_directory(tree: Tree, path: str) -> bool:
    return tree.root.joinpath(path).is_dir() and not tree.root.joinpath(path).is_symlink()


def _walk(tree: Tree, place: str, name: str, path: str, excludes: Ignore) -> Iterator[Entry]:
    with os.scandir(place) as listing:
        children = sorted(listing, key=lambda entry: entry.name)
    for child in children:
        below = f"{name}/{child.name}" if name else child.name
        whole = f"{path}/{child.name}" if path else child.name
        is_directory = child.is_dir(follow_symlinks=False)
        is_out = excludes.excludes(below) or tree.ignore.excludes(whole)
        has_exceptions = excludes.has_exceptions or tree.ignore.has_exceptions
        if not is_out:
            yield Entry(below, child.path, child.stat(follow_symlinks=False))
        if is_directory and (not is_out or has_exceptions):
            yield from _walk(tree, child.path, below, whole, excludes)
