"""The content store: blobs in files named by their sha256 digest, complete or not there at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.errors import InvalidLayer
from engine.state.atomic import sync_directory
from engine.storage.deletion import delete_all
from engine.storage.growing import GrowingFile

_TEMPORARY: Final = ".tmp-"


class CorruptBlob(InvalidLayer):
    """What was to be kept is not what its digest promises."""


class Content:
    """Blobs below one directory. All calls block; threads may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root / "sha256"
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        return self._root / digest.removeprefix("sha256:")

    def has(self, digest: str) -> bool:
        """Whether the whole blob is there."""
        return self.path(digest).exists()

    def read(self, digest: str) -> bytes:
        """A small blob. Raises `FileNotFoundError`."""
        return self.path(digest).read_bytes()

    def put(self, digest: str, content: bytes) -> None:
        """Keep a small blob whose digest has been checked."""
        with self.writing(digest, len(content)) as file:
            file.write(content)

    @contextmanager
    def writing(self, digest: str, size_bytes: int) -> Iterator[GrowingFile]:
        """Write a blob; others may read it while it grows. At the end of the block it is checked, made durable and
        given its name. After an error nothing stays.

        Raises `CorruptBlob` when size or digest are not as promised.
        """
        with self._growing() as (file, keep):
            yield file
            if file.size_bytes != size_bytes or file.digest != digest:
                raise CorruptBlob(
                    f"blob {digest} is corrupt: {file.size_bytes} of {size_bytes} bytes, with digest {file.digest}",
                    hint="the registry or a mirror sent something else; pull again",
                )
            keep(digest)

    @contextmanager
    def adding(self) -> Iterator[GrowingFile]:
        """Write a blob whose digest nobody knows yet; at the end of the block it gets the name that it has earned."""
        with self._growing() as (file, keep):
            yield file
            keep(file.digest)

    @contextmanager
    def _growing(self) -> Iterator[tuple[GrowingFile, Callable[[str], None]]]:
        descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=self._root)
        file = GrowingFile(descriptor)

        def keep(digest: str) -> None:
            file.finish()
            os.fsync(descriptor)
            os.replace(name, self.path(digest))  # noqa: PTH105 - a string from tempfile

        try:
            yield file, keep
        except BaseException as exc:
            file.fail(exc)
            Path(name).unlink(missing_ok=True)
            raise
        finally:
            file.close()
        sync_directory(self._root)

    def adopt(self, path: Path, digest: str) -> None:
        """Keep a whole file of the same file system whose digest has been checked; it stays where it is, too."""
        path.chmod(0o600)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            self.path(digest).hardlink_to(path)
        sync_directory(self._root)

    def remove(self, digests: Iterable[str]) -> int:
        """Delete blobs, missing ones included; return the bytes that this freed."""
        trash, freed = self.set_aside(digests)
        delete_all(trash)
        return freed

    def drop_if_spoilt(self, digest: str, size_bytes: int) -> None:
        """Delete a blob that has another size than it is said to have, unless it is what its digest promises."""
        path = self.path(digest)
        try:
            if path.stat().st_size == size_bytes:
                return
            with path.open("rb") as file:
                is_right = hashlib.file_digest(file, "sha256").hexdigest() == path.name
        except FileNotFoundError:
            return
        if not is_right:
            path.unlink(missing_ok=True)

    def set_aside(self, digests: Iterable[str]) -> tuple[list[Path], int]:
        """Make blobs not be there any more, at once; return what is left to delete, and its bytes."""
        trash: list[Path] = []
        freed = 0
        for digest in digests:
            path = self.path(digest)
            aside = path.with_name(f"{_TEMPORARY}trash-{path.name}")
            try:
                freed += path.stat().st_size
                path.rename(aside)
            except FileNotFoundError:
                continue
            trash.append(aside)
        return trash, freed

    def digests(self) -> list[str]:
        """Every blob that is there."""
        return [f"sha256:{path.name}" for path in self._root.iterdir() if not path.name.startswith(_TEMPORARY)]

    def sweep(self) -> None:
        """Remove what a crash left half-written. Only before anything is being written."""
        for path in self._root.glob(f"{_TEMPORARY}*"):
            path.unlink()


def digest_of(content: bytes) -> str:
    """The digest by which a blob is known."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
