"""A directory of images (OCI image-spec image-layout.md) that is read and written as if it were a registry.

    oci-layout                  says what this is
    index.json                  the manifests, by tag (org.opencontainers.image.ref.name)
    blobs/sha256/<digits>       manifests, configs, layers

It is a user's directory: what is made in it belongs to its owner, and what a blob holds is not believed before its
digest is checked. Blocking, for threads.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.errors import EngineError, NotFound, RegistryError
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import MOST_MANIFEST_BYTES, OCI_INDEX, Descriptor, Document
from engine.registry.reference import is_digest
from engine.storage.content import digest_of
from engine.wire.typed import from_json, from_plain

if TYPE_CHECKING:
    from engine.registry.upload import Source

_REF_NAME: Final = "org.opencontainers.image.ref.name"
_MARK: Final = b'{"imageLayoutVersion":"1.0.0"}'
_READ_BYTES: Final = 256 * 1024
_TEMPORARY: Final = ".tmp-"


class Layout:
    """One directory. It has one repository, so the names of repositories say nothing here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def manifest(self, repository: str, reference: str, interrupt: Interrupt) -> Document:
        """See `Reader`. Raises `NotFound`, `RegistryError` for what cannot be read."""
        entry = self._entry(reference)
        body = self.document(repository, entry, MOST_MANIFEST_BYTES, interrupt)
        return Document(entry.digest, entry.media_type, body)

    def document(self, repository: str, descriptor: Descriptor, most_bytes: int, interrupt: Interrupt) -> bytes:
        """See `Reader`."""
        if not is_digest(descriptor.digest) or not 0 <= descriptor.size <= most_bytes:
            raise RegistryError(f"{self.directory}: {descriptor.digest} is not one of its documents")
        body = b"".join(self.blob(repository, descriptor, interrupt))
        if digest_of(body) != descriptor.digest:
            raise RegistryError(f"{self.directory}: blob {descriptor.digest} does not have that digest")
        return body

    def blob(self, repository: str, descriptor: Descriptor, interrupt: Interrupt) -> Iterator[bytes]:
        """See `BlobReader`."""
        del repository
        left = descriptor.size
        with self._opened(self._blob(descriptor.digest)) as descriptor_number:
            while left and (data := os.read(descriptor_number, min(left, _READ_BYTES))):
                interrupt.check()
                left -= len(data)
                yield data

    def distrust(self) -> None:
        """See `BlobReader`: there is only this directory."""

    @property
    def destination(self) -> Hashable:
        """See `Writer`."""
        return self.directory

    def has(self, repository: str, digest: str, interrupt: Interrupt) -> int | None:
        """See `Writer`."""
        del repository, interrupt
        try:
            found = self._blob(digest).lstat()
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def push(
        self, repository: str, source: Source, interrupt: Interrupt, measure: Callable[[int], None], *,
        digest: str = "", mount_from: str = "",
    ) -> bool:  # fmt: skip
        """See `Writer`."""
        del repository, mount_from, digest

        def pieces() -> Iterator[bytes]:
            offset = 0
            while data := source.read_at(offset, _READ_BYTES):
                interrupt.check()
                offset += len(data)
                yield data
                measure(offset)

        self._write(pieces(), lambda: self._blob(source.digest()))
        return False

    def put_manifest(self, repository: str, reference: str, document: Document, interrupt: Interrupt) -> None:
        """See `Writer`. Another manifest of that tag is no longer listed; its blobs stay."""
        del repository, interrupt
        self._write(iter([document.body]), lambda: self._blob(document.digest))
        if is_digest(reference):
            return
        with self._locked():
            entry = {
                "mediaType": document.media_type,
                "digest": document.digest,
                "size": len(document.body),
                "annotations": {_REF_NAME: reference},
            }
            others = [item for item in self._index() if (item.get("annotations") or {}).get(_REF_NAME) != reference]
            index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*others, entry]}
            self._write(iter([_MARK]), lambda: self.directory / "oci-layout")
            self._write(iter([msgspec.json.encode(index)]), lambda: self.directory / "index.json")

    def _entry(self, reference: str) -> Descriptor:
        entries = self._index()
        for item in entries:
            if reference in (item.get("digest"), (item.get("annotations") or {}).get(_REF_NAME)):
                return self._descriptor(item)
        if is_digest(reference) and (size := self.has("", reference, Interrupt())) is not None:
            return Descriptor(reference, size)
        raise NotFound(f"nothing in {self.directory} is tagged {reference!r}")

    def _descriptor(self, item: dict[str, Any]) -> Descriptor:
        try:
            return from_plain(item, Descriptor)
        except msgspec.ValidationError as exc:
            raise RegistryError(f"{self.directory}/index.json cannot be read: {exc}") from exc

    def _index(self) -> list[dict[str, Any]]:
        try:
            with self._opened(self.directory / "index.json") as descriptor:
                body = os.read(descriptor, MOST_MANIFEST_BYTES)
            found = from_json(body, _Index)
        except NotFound:
            return []
        except (msgspec.DecodeError, RecursionError) as exc:
            raise RegistryError(f"{self.directory}/index.json cannot be read: {exc}") from exc
        return found.manifests

    def _blob(self, digest: str) -> Path:
        return self.directory / "blobs" / "sha256" / digest.removeprefix("sha256:")

    @contextmanager
    def _opened(self, path: Path) -> Iterator[int]:
        try:
            # A pipe with nobody at the other end would keep us waiting for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"{path} does not exist") from None
        except OSError as exc:
            raise RegistryError(f"{path} cannot be read: {exc.strerror}") from exc
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise RegistryError(f"{path} is not a file")
            yield descriptor
        finally:
            os.close(descriptor)

    def _write(self, pieces: Iterator[bytes], place: Callable[[], Path]) -> None:
        """Write a file and give it the name that `place` says afterwards, at once or not at all."""
        try:
            owner = _made(self.directory / "blobs" / "sha256")
            descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=self.directory)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    for piece in pieces:
                        file.write(piece)
                    os.fchown(descriptor, *owner)
                    os.fchmod(descriptor, 0o644)
                Path(name).replace(place())
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as exc:
            raise EngineError(f"{self.directory} cannot be written: {exc.strerror}") from exc

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer of the index at a time, also of other engines."""
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class _Index(msgspec.Struct, frozen=True):
    manifests: list[dict[str, Any]] = []


def _made(directory: Path) -> tuple[int, int]:
    """Make a directory as far as it is missing, for the owner of the last one that is not; returns who that is."""
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    found = directory.stat()
    for place in reversed(missing):
        place.mkdir(exist_ok=True)
        os.chown(place, found.st_uid, found.st_gid)
    return found.st_uid, found.st_gid
