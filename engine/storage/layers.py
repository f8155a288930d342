"""Unpacked layers, one directory per chain id, whole or not there.

    layers/<chain id>/diff     the files: a lower directory for overlayfs
    layers/<chain id>/layer    diff id and size, as JSON
    layers/l/<16 digits>       symlink to ../<chain id>/diff; mount options must fit into one page (mount(2))

A layer is unpacked under a temporary name and renamed, so the name says that it is complete.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import InvalidLayer
from engine.kernel.libc import call
from engine.storage.compression import Read
from engine.storage.deletion import delete_tree
from engine.storage.unpack import unpack

_TEMPORARY: Final = ".tmp-"
_LINKS: Final = "l"
_EMPTY: Final = "empty"
_LINK_DIGITS: Final = 16


class _Record(msgspec.Struct, frozen=True):
    diff_id: str
    size_bytes: int


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """A layer's identity together with all below it, lowest first (OCI image-spec config.md, Layer ChainID)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        text = f"{chain[-1]} {diff_id}" if chain else diff_id
        chain.append("sha256:" + hashlib.sha256(text.encode()).hexdigest() if len(chain) else diff_id)
    return chain


class Layers:
    """Layers below one directory. All calls block; threads may share it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in (_LINKS, _EMPTY):
            (root / name).mkdir(mode=0o755, parents=True, exist_ok=True)

    def has(self, chain_id: str) -> bool:
        """Whether the layer is there, whole."""
        return self._home(chain_id).exists()

    def size_bytes(self, chain_id: str) -> int:
        """The bytes of a layer's files. Raises `FileNotFoundError`."""
        record = msgspec.json.decode((self._home(chain_id) / "layer").read_bytes(), type=_Record)
        return record.size_bytes

    def path(self, chain_id: str) -> Path:
        """The layer's files."""
        return self._home(chain_id) / "diff"

    def short_path(self, chain_id: str) -> str:
        """The layer's files, relative to `root`, in as few characters as can be."""
        return f"{_LINKS}/{chain_id.removeprefix('sha256:')[:_LINK_DIGITS]}"

    @property
    def empty_path(self) -> str:
        """An empty directory, relative to `root`: the lower layer of an image that has none."""
        return _EMPTY

    def add(self, chain_id: str, diff_id: str, read: Read) -> None:
        """Unpack a layer from its (compressed) archive; nothing is done when it is there already.

        Raises `InvalidLayer` (also when it is not the archive that `diff_id` promises), or what `read` raises;
        then nothing stays.
        """
        if self.has(chain_id):
            return
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.root))
        try:
            temporary.chmod(0o711)
            (temporary / "diff").mkdir(mode=0o755)
            unpacked = unpack(read, temporary / "diff")
            if unpacked.diff_id != diff_id:
                raise InvalidLayer(f"layer unpacks to {unpacked.diff_id}, not to {diff_id} as its image says")
            record = _Record(unpacked.diff_id, unpacked.size_bytes)
            (temporary / "layer").write_bytes(msgspec.json.encode(record))
            _sync(temporary)
            self._settle(temporary, chain_id)
        except BaseException:
            delete_tree(temporary)
            raise

    def remove(self, unwanted: Iterable[str]) -> int:
        """Delete layers, missing ones included; return the bytes that this freed."""
        freed = 0
        for chain_id in unwanted:
            trash = self.root / f"{_TEMPORARY}trash-{chain_id.removeprefix('sha256:')}"
            try:
                freed += self.size_bytes(chain_id)
                self._home(chain_id).rename(trash)
            except FileNotFoundError:
                continue
            (self.root / self.short_path(chain_id)).unlink(missing_ok=True)
            delete_tree(trash)
        return freed

    def chain_ids(self) -> list[str]:
        """Every layer that is there."""
        return [f"sha256:{path.name}" for path in self.root.iterdir() if len(path.name) == 64]

    def sweep(self) -> None:
        """Remove what a crash left half-unpacked or half-removed. Only before anything is being unpacked."""
        for path in self.root.glob(f"{_TEMPORARY}*"):
            delete_tree(path)
        for link in (self.root / _LINKS).iterdir():
            if not link.exists():
                link.unlink()
        for chain_id in self.chain_ids():
            self._link(chain_id)

    def _home(self, chain_id: str) -> Path:
        return self.root / chain_id.removeprefix("sha256:")

    def _settle(self, temporary: Path, chain_id: str) -> None:
        self._link(chain_id)
        try:
            temporary.rename(self._home(chain_id))
        except OSError:
            if not self.has(chain_id):
                raise
            delete_tree(temporary)  # another was faster

    def _link(self, chain_id: str) -> None:
        target = f"../{chain_id.removeprefix('sha256:')}/diff"
        link = self.root / self.short_path(chain_id)
        try:
            link.symlink_to(target)
        except FileExistsError:
            if str(link.readlink()) != target:
                raise InvalidLayer(f"layer {chain_id} has the same short name as {link.readlink()}") from None


def _sync(directory: Path) -> None:
    """Make a whole tree durable at once: one syncfs(2) costs a fraction of an fsync per file."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call("syncfs", descriptor, path=str(directory))
    finally:
        os.close(descriptor)
