"""What a client reads of elsewhere before it builds: a Dockerfile by URL, the bake file of a repository."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio.to_thread

from engine.builder.context import remote
from engine.builder.context.workspace import Workspace
from engine.buildkit.messages.control_pb2 import Definition, Op, SourceOp
from engine.errors import BadRequest, EngineError, NotImplementedHere
from engine.storage.rooted import resolve_in_root

_GIT: Final = "git://"
_FULL_URL: Final = "git.fullurl"
_FILE_NAME: Final = "http.filename"
_MOST_BYTES: Final = 16 << 20


def source_of(definition: Definition) -> SourceOp:
    """The only step of a definition that can be followed here: where something comes from.

    Raises `NotImplementedHere` for graphs of other steps.
    """
    steps = [Op.FromString(step) for step in getattr(definition, "def")]
    sources = [step.source for step in steps if step.source.identifier]
    # The last step only points at the one before.
    if len(sources) != 1 or len(steps) != 2:
        raise NotImplementedHere(
            "this engine builds Dockerfiles, not graphs of steps",
            hint="use a builder of BuildKit: docker buildx create --use",
        )
    return sources[0]


def remote_address(source: SourceOp) -> str:
    """The address of a source that is elsewhere, as contexts have it; "" for another one."""
    if source.identifier.startswith(_GIT):
        _, mark, ref = source.identifier.partition("#")
        return f"{source.attrs.get(_FULL_URL) or source.identifier.partition('#')[0]}{mark}{ref}"
    return source.identifier if source.identifier.startswith(("http://", "https://")) else ""


async def fetched(source: SourceOp, workspace: Workspace) -> Path:
    """Bring a source into the workspace; the directory that has it. Raises `NotImplementedHere`, `EngineError`."""
    address = remote_address(source)
    if not address:
        raise NotImplementedHere(f"sources such as {source.identifier} are not read by this engine")
    place = await anyio.to_thread.run_sync(workspace.place, "fetched")
    if source.identifier.startswith(_GIT):
        return await remote.clone(address, place)
    path = await remote.download(address, place)
    name = _name(source.attrs, address)
    await anyio.to_thread.run_sync(path.rename, place / name)
    return place


def read(root: Path, name: str) -> bytes:
    """A file of a directory. Raises `BadRequest`. Blocks."""
    size_bytes(root, name)
    return resolve_in_root(root, name).read_bytes()


def size_bytes(root: Path, name: str) -> int:
    """The length of a file. Raises `BadRequest` for what is none, or is too long to be sent. Blocks."""
    try:
        found = resolve_in_root(root, name).stat()
    except OSError as exc:
        raise BadRequest(f"open {name}: {exc.strerror}") from exc
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
        raise BadRequest(f"open {name}: no file of at most {_MOST_BYTES} bytes")
    return found.st_size


def _name(attributes: Mapping[str, str], address: str) -> str:
    name = attributes.get(_FILE_NAME, "") or remote.file_name(address)
    if "/" in name or name in (".", ".."):
        raise EngineError(f"invalid name of a file: {name!r}")
    return name
