"""Images brought from their repositories to that of an application which uses them. Blocking, for threads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from compose.artifact.manifest import INDEX_TYPE, MANIFEST_TYPE, Descriptor
from compose.artifact.registry import Registries, told
from engine.errors import RegistryError
from engine.registry.client import RegistryClient
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import Descriptor as Blob
from engine.registry.manifest import Document, Index, parse
from engine.registry.reference import Reference
from engine.registry.upload import RegistryWriter

# containerd's note of where the blobs can be mounted from.
_ORIGIN: Final = "containerd.io/distribution.source"


def copy_image(places: Registries, image: Reference, target: Reference, interrupt: Interrupt) -> Descriptor:
    """Copy an image for all of its platforms; it is there by its digest then. Raises `ComposeError`."""
    with (
        told(f"cannot publish {image.familiar}", image.familiar),
        places.reading(image.registry) as reader,
        places.writing(target.registry, interrupt) as writer,
    ):
        copy = _Copy(reader, writer, image, target, interrupt)
        document = reader.manifest(image.repository, image.digest or image.tag, interrupt)
        copy.tree(document)
        host = image.registry.partition(":")[0]
        return Descriptor(
            _type_of(document),
            document.digest,
            len(document.body),
            annotations={f"{_ORIGIN}.{host}": image.repository},
        )


class _Copy:
    def __init__(
        self, reader: RegistryClient, writer: RegistryWriter, image: Reference, target: Reference, interrupt: Interrupt
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._image = image
        self._target = target
        self._interrupt = interrupt

    def tree(self, document: Document) -> None:
        """Copy what a document refers to, then the document."""
        content = parse(document)
        if isinstance(content, Index):
            for entry in content.manifests:
                self.tree(self._reader.manifest(self._image.repository, entry.digest, self._interrupt))
        else:
            for blob in (content.config, *content.layers):
                self._blob(blob)
        self._writer.put_manifest(self._target.repository, document.digest, document, self._interrupt)

    def _blob(self, blob: Blob) -> None:
        if self._writer.has(self._target.repository, blob.digest, self._interrupt) is not None:
            return
        is_near = self._image.registry == self._target.registry
        with _spooled(self._reader, self._image.repository, blob, self._interrupt) as source:
            self._writer.push(
                self._target.repository,
                source,
                self._interrupt,
                lambda _: None,
                digest=blob.digest,
                mount_from=self._image.repository if is_near else "",
            )


class _Spool:
    """A blob that is fetched when somebody reads it: one that its registry can mount is not."""

    def __init__(
        self, file: IO[bytes], reader: RegistryClient, repository: str, blob: Blob, interrupt: Interrupt
    ) -> None:
        self._file = file
        self._fetch = (reader, repository, blob, interrupt)
        self._is_there = False

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self._fetch[2].size

    def read_at(self, offset: int, size: int) -> bytes:
        """A part of it. Raises like the registry it comes from."""
        if not self._is_there:
            reader, repository, blob, interrupt = self._fetch
            for chunk in reader.blob(repository, blob, interrupt):
                self._file.write(chunk)
            self._is_there = True
        self._file.seek(offset)
        return self._file.read(size)

    def digest(self) -> str:
        """Its digest as it was promised: the registry that gets it compares."""
        return self._fetch[2].digest


@contextmanager
def _spooled(reader: RegistryClient, repository: str, blob: Blob, interrupt: Interrupt) -> Iterator[_Spool]:
    try:
        with tempfile.TemporaryFile() as file:
            yield _Spool(file, reader, repository, blob, interrupt)
    except OSError as exc:
        raise RegistryError(f"no room to copy {blob.digest}: {exc.strerror}") from exc


def _type_of(document: Document) -> str:
    stated = document.media_type.partition(";")[0].strip()
    return stated or (INDEX_TYPE if isinstance(parse(document), Index) else MANIFEST_TYPE)
