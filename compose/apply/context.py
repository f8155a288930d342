"""A build's context as a tar archive: the directory without what `.dockerignore` excludes, and what comes along.

Owners mean nothing at the other end, so everything is root's; times and modes stay.
"""

from __future__ import annotations

import io
import os
import posixpath
import tarfile
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final

import anyio.to_thread

from compose.errors import ComposeError
from engine.wire.ignore import Ignore, InvalidPattern, read_ignore

_CHUNK: Final = 1 << 18
_IN_MEMORY: Final = 1 << 22
_IGNORE: Final = ".dockerignore"


@dataclass(frozen=True, slots=True)
class ContextFiles:
    """What goes into the archive: a directory ("" for none), files by name and content, further directories by name.

    `dockerfile` is its name within the directory; it is there whatever is ignored.
    """

    directory: str
    dockerfile: str
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    directories: Mapping[str, str] = field(default_factory=dict[str, str])


@asynccontextmanager
async def archived(context: ContextFiles) -> AsyncIterator[AsyncIterator[bytes]]:
    """The archive in chunks, made before the first is given; small ones stay in memory. Raises `ComposeError`."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        await anyio.to_thread.run_sync(partial(_write, context, file))
        file.seek(0)
        yield _chunks(file)


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await anyio.to_thread.run_sync(file.read, _CHUNK):
        yield chunk


def _write(context: ContextFiles, output: IO[bytes]) -> None:
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        if context.directory:
            root = Path(context.directory)
            ignore = _ignore(root, context.dockerfile)
            _add_directory(tar, root, "", ignore, frozenset({context.dockerfile, _IGNORE}))
        for prefix, directory in context.directories.items():
            _add_directory(tar, Path(directory), prefix, _ignore(Path(directory), ""), frozenset({_IGNORE}))
        for name, content in context.files.items():
            _add_content(tar, name, content)


def _ignore(root: Path, dockerfile: str) -> Ignore:
    """The rules of `<Dockerfile>.dockerignore` if there is one, else of `.dockerignore`."""
    for name in (f"{dockerfile}{_IGNORE}" if dockerfile else "", _IGNORE):
        path = root / name
        if name and path.is_file():
            try:
                return Ignore(read_ignore(path.read_text("utf-8", "replace")))
            except InvalidPattern as exc:
                raise ComposeError(f"{path}: {exc.message}") from exc
    return Ignore([])


def _add_directory(tar: tarfile.TarFile, root: Path, prefix: str, ignore: Ignore, kept: frozenset[str]) -> None:
    if not root.is_dir():
        raise ComposeError(f"unable to prepare context: path {str(root)!r} not found")
    waiting = [""]
    while waiting:
        path = waiting.pop()
        with os.scandir(root / path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            name = posixpath.join(path, entry.name)
            is_directory = entry.is_dir(follow_symlinks=False)
            is_out = ignore.excludes(name) and name not in kept
            if not is_out:
                _add(tar, entry.path, posixpath.join(prefix, name))
            if is_directory and (not is_out or ignore.has_exceptions or any(k.startswith(f"{name}/") for k in kept)):
                waiting.append(name)


def _add(tar: tarfile.TarFile, path: str, name: str) -> None:
    try:
        member = tar.gettarinfo(path, name)
        if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            return  # a socket or device has no contents to send
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        if not member.isreg():
            tar.addfile(member)
            return
        with open(path, "rb") as file:  # noqa: PTH123 - one of thousands
            tar.addfile(member, file)
    except OSError as exc:
        raise ComposeError(
            f"unable to prepare context: {path}: {exc.strerror}", hint="exclude it in .dockerignore if it is not needed"
        ) from exc


def _add_content(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))
