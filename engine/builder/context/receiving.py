"""From what a client sends to files on disk: the context, and what else came with it. Then the Dockerfile in it."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec
from msgspec import Struct, field

from engine.builder.context import remote
from engine.builder.context.tree import Tree
from engine.builder.context.unarchive import is_archive
from engine.builder.context.workspace import Workspace
from engine.builder.dockerfile.stages import Dockerfile, parse_dockerfile
from engine.builder.order import BuildOrder
from engine.errors import BadRequest, EngineError
from engine.images.record import Image
from engine.storage.rooted import resolve_in_root
from engine.wire.building import Enclosure
from engine.wire.ignore import Ignore, read_ignore
from engine.wire.typed import from_json

_DEFAULT: Final = "Dockerfile"
_IGNORE: Final = ".dockerignore"
_MOST_DOCKERFILE_BYTES: Final = 16 << 20
_MOST_ENCLOSED_BYTES: Final = 16 << 20


class Received(Struct, frozen=True):
    """What there is to build. `secrets` are contents by id, `named` the contexts that came along, `images` those that
    are what other builds have made, `text` is the Dockerfile's. `later` brings contexts that are not here yet, by
    their names, the build's own being "".
    """

    dockerfile: Dockerfile
    text: str
    ignore: Ignore
    secrets: Mapping[str, bytes]
    named: Mapping[str, Tree]
    images: Mapping[str, Image] = field(default_factory=dict[str, Image])
    later: Mapping[str, Callable[[], Awaitable[Tree]]] = field(default_factory=dict[str, Callable[[], Awaitable[Tree]]])


async def receive(order: BuildOrder, chunks: AsyncIterator[bytes], workspace: Workspace) -> Received:
    """Fill the workspace and read the Dockerfile. Raises `BadRequest`, `DockerfileError`, `EngineError`."""
    async with aclosing(_behind(order.enclosed_bytes, chunks)) as pieces:
        enclosed = _understood(await anext(pieces))
        if order.remote:
            await fetch(order.remote, workspace, order)
        else:
            await workspace.unpack(pieces)
    return await anyio.to_thread.run_sync(_sort_out, workspace, order, enclosed)


def _sort_out(workspace: Workspace, order: BuildOrder, enclosed: Enclosure) -> Received:
    if enclosed.dockerfile:
        (workspace.context / _plain_name(order.dockerfile)).write_text(enclosed.dockerfile, "utf-8")
    named = _take_contexts(workspace, order.extras)
    return Received(*read_dockerfile(workspace.context, order.dockerfile or _DEFAULT), enclosed.secrets, named)


async def _behind(size: int, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The first `size` bytes of a body as one piece, then what comes behind them. Raises `BadRequest`."""
    if size > _MOST_ENCLOSED_BYTES:
        raise BadRequest(f"the build's secrets take more than {_MOST_ENCLOSED_BYTES} bytes")
    start = bytearray()
    while len(start) < size:
        try:
            start += await anext(chunks)
        except StopAsyncIteration:
            raise BadRequest("the body ends before the build's context") from None
    yield bytes(start[:size])
    yield bytes(start[size:])
    async for chunk in chunks:
        yield chunk


def _understood(text: bytes) -> Enclosure:
    try:
        return from_json(text, Enclosure) if text else Enclosure()
    except msgspec.DecodeError:
        # Not the decoder's words, which may have a secret in them.
        raise BadRequest("what comes in front of the build's context cannot be read") from None


async def fetch(source: str, workspace: Workspace, order: BuildOrder) -> None:
    """Fill the workspace from elsewhere. Raises `BadRequest`, `EngineError`."""
    if remote.is_git(source):
        place = await anyio.to_thread.run_sync(workspace.place, "git")
        found = await remote.clone(source, place)
        await anyio.to_thread.run_sync(workspace.sent.mkdir)
        await anyio.to_thread.run_sync(found.rename, workspace.context)
        return
    if not remote.is_url(source):
        raise BadRequest(
            f"unsupported remote context {source!r}",
            hint="give the address of a git repository, a tar archive or a file",
        )
    place = await anyio.to_thread.run_sync(workspace.place, "download")
    path = await remote.download(source, place)
    if await anyio.to_thread.run_sync(is_archive, path):
        await workspace.unpack(_chunks(path))
    else:
        await anyio.to_thread.run_sync(_single, path, workspace.context / (order.dockerfile or _DEFAULT))


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while chunk := await file.read(1 << 18):
            yield chunk


def _single(path: Path, target: Path) -> None:
    """A file by URL that is no archive is the Dockerfile of an empty context."""
    target.parent.mkdir(mode=0o755, parents=True)
    path.rename(target)


def _plain_name(name: str) -> str:
    """A name that leads nowhere else. Raises `BadRequest`."""
    if name != posixpath.basename(name) or name in ("", ".", ".."):
        raise BadRequest(f"invalid name of a part of the context: {name!r}")
    return name


def _take_contexts(workspace: Workspace, prefix: str) -> dict[str, Tree]:
    """Take the contexts that came along with the context out of it: `PREFIX/contexts/<name>/…`."""
    if not prefix:
        return {}
    place = workspace.sent / "extras"
    inside = workspace.context / _plain_name(prefix)
    if inside.is_symlink() or not inside.is_dir():
        return {}
    inside.rename(place)
    named = {}
    for path in sorted((place / "contexts").glob("*")):
        named[path.name] = Tree(path, Ignore(read_ignore(_text(path, _IGNORE))))
    return named


def read_dockerfile(context: Path, name: str) -> tuple[Dockerfile, str, Ignore]:
    """The Dockerfile in a context, its text, and what the context leaves out.

    Raises `BadRequest`, `DockerfileError`.
    """
    path = resolve_in_root(context, name)
    if not path.is_file() and name == _DEFAULT and (context / name.lower()).is_file():
        path, name = context / name.lower(), name.lower()
    if not path.is_file():
        raise EngineError(f"Cannot locate specified Dockerfile: {name}", hint="name it with --file, or create it")
    if path.stat().st_size > _MOST_DOCKERFILE_BYTES:
        raise BadRequest(f"the Dockerfile {name} is longer than {_MOST_DOCKERFILE_BYTES} bytes")
    # A comment in another encoding is no reason to refuse a Dockerfile.
    text = path.read_text("utf-8", errors="replace")
    if not text.strip():
        raise BadRequest(f"the Dockerfile ({name}) cannot be empty")
    ignore = _text(context, f"{name}.dockerignore") or _text(context, _IGNORE)
    return parse_dockerfile(text, posixpath.normpath(name)), text, Ignore(read_ignore(ignore))


def _text(directory: Path, name: str) -> str:
    path = resolve_in_root(directory, name)
    return path.read_text("utf-8", "replace") if path.is_file() else ""
