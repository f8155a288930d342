"""What images are read from and written to, as interfaces: a registry, or a directory (`images.archives.layout`).

All calls block and are for threads.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.registry.interrupt import Interrupt
    from engine.registry.manifest import Descriptor, Document
    from engine.registry.upload import Source


class BlobReader(Protocol):
    """Where layers come from."""

    def blob(self, repository: str, descriptor: Descriptor, interrupt: Interrupt) -> Iterator[bytes]:
        """Yield a blob's bytes, exactly `descriptor.size` of them; the caller checks the digest."""
        ...

    def distrust(self) -> None:
        """What came last was corrupt: have it from elsewhere the next time, if there is an elsewhere."""
        ...


class Reader(BlobReader, Protocol):
    """Where whole images come from."""

    def manifest(self, repository: str, reference: str, interrupt: Interrupt) -> Document:
        """A manifest or index by tag or digest, its digest checked."""
        ...

    def document(self, repository: str, descriptor: Descriptor, most_bytes: int, interrupt: Interrupt) -> bytes:
        """A small blob whole, its digest checked."""
        ...


class Writer(Protocol):
    """Where images are brought."""

    @property
    def destination(self) -> Hashable:
        """Equal for writers of the same place with the same rights: what one brings, another need not."""
        ...

    def has(self, repository: str, digest: str, interrupt: Interrupt) -> int | None:
        """The size of a blob that is there already, else None."""
        ...

    def push(
        self, repository: str, source: Source, interrupt: Interrupt, measure: Callable[[int], None], *,
        digest: str = "", mount_from: str = "",
    ) -> bool:  # fmt: skip
        """Bring a blob; return whether another repository's was taken instead."""
        ...

    def put_manifest(self, repository: str, reference: str, document: Document, interrupt: Interrupt) -> None:
        """Put a manifest whose blobs are all there, by tag or digest."""
        ...
