"""A build's context: the directory without what `.dockerignore` excludes, and what comes along."""

from __future__ import annotations

import os
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import anyio.to_thread
from msgspec import Struct, field

from compose.apply.archive import ArchiveWriter
from compose.apply.copying.pipes import produced
from compose.errors import ComposeError
from engine.wire.ignore import Ignore, InvalidPattern, read_ignore

_IGNORE: Final = ".dockerignore"


class ContextFiles(Struct, frozen=True):
    """What goes into the archive: a directory ("" for none), files by name and content, further directories by name.

    `dockerfile` is its name within the directory; it is there whatever is ignored.
    """

    directory: str
    dockerfile: str
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    directories: Mapping[str, str] = field(default_factory=dict[str, str])


class _Tree(Struct, frozen=True):
    """A directory under its prefix in the archive; what is `kept` is there whatever is ignored."""

    root: Path
    prefix: str
    ignore: Ignore
    kept: frozenset[str]


@asynccontextmanager
async def archived(context: ContextFiles) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """The archive in chunks, written while they are read. Raises `ComposeError`.

    What is wrong with the whole is told before there is a first chunk.
    """
    trees = await anyio.to_thread.run_sync(_trees, context)
    async with produced(partial(_write, trees, context.files)) as chunks:
        yield chunks


def _trees(context: ContextFiles) -> list[_Tree]:
    trees: list[_Tree] = []
    if context.directory:
        kept = frozenset({context.dockerfile, _IGNORE})
        trees.append(_tree(context.directory, "", context.dockerfile, kept))
    trees += [_tree(directory, prefix, "", frozenset({_IGNORE})) for prefix, directory in context.directories.items()]
    return trees


def _tree(directory: str, prefix: str, dockerfile: str, kept: frozenset[str]) -> _Tree:
    root = Path(directory)
    if not root.is_dir():
        raise ComposeError(f"unable to prepare context: path {directory!r} not found")
    return _Tree(root, prefix, _ignore(root, dockerfile), kept)


def _ignore(root: Path, dockerfile: str) -> Ignore:
    """The rules of `<Dockerfile>.dockerignore` if there is one, else of `.dockerignore`."""
    for name in (f"{dockerfile}{_IGNORE}" if dockerfile else "", _IGNORE):
        path = root / name
        if name and path.is_file():
            try:
                return Ignore(read_ignore(path.read_text("utf-8", "replace")))
            except InvalidPattern as exc:
                raise ComposeError(f"{path}: {exc.message}") from exc
            except OSError as exc:
                raise ComposeError(f"unable to prepare context: {path}: {exc.strerror}") from exc
    return Ignore([])


def _write(trees: list[_Tree], files: Mapping[str, bytes], output: BinaryIO) -> None:
    archive = ArchiveWriter(output)
    for tree in trees:
        _add(archive, tree)
    for name, content in files.items():
        archive.add_content(name, content)
    archive.end()


def _add(archive: ArchiveWriter, tree: _Tree) -> None:
    waiting = [""]
    while waiting:
        path = waiting.pop()
        for entry in _entries(tree.root / path):
            name = posixpath.join(path, entry.name)
            is_out = tree.ignore.excludes(name) and name not in tree.kept
            if not is_out:
                archive.add(entry.path, posixpath.join(tree.prefix, name))
            if entry.is_dir(follow_symlinks=False) and (not is_out or _may_hold_more(tree, name)):
                waiting.append(name)


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as listing:
            return sorted(listing, key=lambda entry: entry.name)
    except OSError as exc:
        raise ComposeError(f"unable to prepare context: {directory}: {exc.strerror}") from exc


def _may_hold_more(tree: _Tree, name: str) -> bool:
    """Whether something in an ignored directory may be wanted all the same."""
    return tree.ignore.has_exceptions or any(kept.startswith(f"{name}/") for kept in tree.kept)
