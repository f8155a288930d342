"""Where checkpoints are kept: a directory of CRIU's files for each, in the container's own directory or a chosen one.

One that is being made has a name that no checkpoint can have, until all of it is on the disk. Meanwhile a file in the
container's directory says which it is, locked by whoever writes; so the next engine finds what a crash left. Blocks.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import BadRequest, EngineError, NotFound
from engine.kernel.directories import remove_directory
from engine.kernel.smallfiles import write
from engine.state.atomic import sync_directory
from engine.state.names import new_id
from engine.wire.typed import from_json

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_BEGUN: Final = ".begun"
_NOTE: Final = "pycompose.json"

Addresses = Mapping[str, tuple[str, str]]


class Note(msgspec.Struct, frozen=True):
    """What is kept beside CRIU's files: the container's addresses (IPv4, IPv6) by network."""

    addresses: dict[str, tuple[str, str]] = {}


class Begun:
    """A checkpoint that is being made. `lock` is a descriptor for the one who writes into `directory`; end it by
    `finish` or `discard`.
    """

    def __init__(self, home: Path, target: Path) -> None:
        self.target = target
        self.directory = target.with_name(f".{target.name}.{home.name[:12]}.begun")
        self._mark = default_root(home) / _BEGUN
        self._mark.parent.mkdir(mode=0o700, exist_ok=True)
        self.lock = os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            os.write(self.lock, os.fsencode(self.directory))
            remove_directory(str(self.directory))
            self.directory.mkdir(mode=0o700, parents=True)
        except BaseException:
            self.discard()
            raise

    def finish(self, note: Note) -> None:
        """Make the checkpoint durable and known."""
        write(self.directory / _NOTE, msgspec.json.encode(note))
        for path in self.directory.iterdir():
            _sync(path)
        sync_directory(self.directory)
        self.directory.rename(self.target)
        sync_directory(self.target.parent)
        self._forget()

    def discard(self) -> None:
        """Remove all of it."""
        remove_directory(str(self.directory))
        self._forget()

    def _forget(self) -> None:
        self._mark.unlink(missing_ok=True)
        os.close(self.lock)


def settle(home: Path) -> None:
    """After a crash: wait until nobody writes a checkpoint of the container any more, and remove what is half made."""
    mark = default_root(home) / _BEGUN
    try:
        descriptor = os.open(mark, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if place := os.read(descriptor, 1 << 13):
            remove_directory(os.fsdecode(place))
        mark.unlink()
    finally:
        os.close(descriptor)


def check_name(name: str) -> None:
    """Raise `BadRequest` for what cannot be the name of a checkpoint."""
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise BadRequest(f'invalid checkpoint ID "{name}", only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed')


def default_root(home: Path) -> Path:
    """Where a container's checkpoints are if nobody chooses; they go with it."""
    return home / "checkpoints"


def root_of(home: Path, chosen: str) -> Path:
    """Where checkpoints are. Raises `BadRequest` for a path that would depend on where the engine was started."""
    if not chosen:
        return default_root(home)
    if not Path(chosen).is_absolute():
        raise BadRequest(f'checkpoint directory "{chosen}" is not an absolute path')
    return Path(chosen)


def vacant(root: Path, name: str, container: str) -> Path:
    """Where a new checkpoint will be. Raises `EngineError` if something is there."""
    path = root / name
    if path.is_dir():
        raise EngineError(f"checkpoint with name {name} already exists for container {container}")
    if path.exists():
        raise EngineError(f"{path} exists and is not a directory")
    return path


def existing(root: Path, name: str, container: str) -> Path:
    """Where a checkpoint is. Raises `EngineError` (Docker says 500) if there is none."""
    path = root / name
    if not path.exists():
        raise EngineError(f"checkpoint {name} does not exist for container {container}")
    if not path.is_dir():
        raise EngineError(f"{path} exists and is not a directory")
    return path


def names(root: Path, chosen: str, container: str) -> list[str]:
    """The checkpoints in a directory, sorted. Raises `NotFound` and `BadRequest` for a chosen one that is none."""
    try:
        return sorted(path.name for path in root.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())
    except FileNotFoundError:
        if not chosen:
            return []
        raise NotFound(f'checkpoint directory "{chosen}" does not exist for container {container}') from None
    except NotADirectoryError:
        raise BadRequest(f'checkpoint directory "{chosen}" exists but is not a directory') from None


def remove(path: Path) -> None:
    """Remove a checkpoint; from its first moment on nobody finds a part of it."""
    going = path.with_name(f".{path.name}.{new_id()[:12]}.gone")
    path.rename(going)
    remove_directory(str(going))


def addresses_in(path: Path) -> Addresses:
    """The addresses that the container of a checkpoint had; none in one that another engine made."""
    try:
        return from_json((path / _NOTE).read_bytes(), Note).addresses
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
