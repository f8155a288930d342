"""Unpacked layers, one directory per chain id, whole or not there.

    layers/<chain id>/diff     the files: a lower directory for overlayfs
    layers/<chain id>/layer    what is known of it, as JSON
    layers/<chain id>/recipe   of a layer that came as a plain archive: how that is made again (`recipe.py`)
    layers/l/<16 digits>       symlink to ../<chain id>/diff; mount options must fit into one page (mount(2))

A layer is made under a temporary name and renamed, so the name says that it is complete. It comes out of an archive
(`add`) or out of an upper directory of overlayfs (`capture`). `pack` gives its archive again: it is made anew from its
files, and by its recipe if it has one, which gives the same bytes each time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from engine.errors import InvalidLayer
from engine.kernel.libc import call
from engine.storage.compression import Read
from engine.storage.deletion import delete_all, delete_tree
from engine.storage.linking import link_tree
from engine.storage.pack import Packed, pack
from engine.storage.recipe import Recipe, follow
from engine.storage.streaming import Write, piped
from engine.storage.unpack import Unpacked, unpack
from engine.wire.typed import from_json

_TEMPORARY: Final = ".tmp-"
_LINKS: Final = "l"
_EMPTY: Final = "empty"
_RECIPE: Final = "recipe"
_LINK_DIGITS: Final = 16
_PULL_AGAIN: Final = "pull its image again"


class LayerRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a layer: the digest of its archive, the bytes of its files, the digest of the (compressed) blob
    from which it came, whether it was made here, so that nobody else has use for it once its image is gone, and the
    bytes of its uncompressed archive (0 in records of older engines).
    """

    diff_id: str
    size_bytes: int
    blob: str = ""
    is_local: bool = False
    archive_bytes: int = 0


class CapturedLayer(Struct, frozen=True):
    """A layer that was made from a directory of changes. `size_bytes` counts its files."""

    diff_id: str
    chain_id: str
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
        """Whether the layer is there: its files, what is known of it, and its short name."""
        try:
            self.record(chain_id)
        except InvalidLayer:
            return False
        return (self.root / self.short_path(chain_id)).is_dir()

    def size_bytes(self, chain_id: str) -> int:
        """The bytes of a layer's files. Raises `InvalidLayer`."""
        return self.record(chain_id).size_bytes

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

    def record(self, chain_id: str) -> LayerRecord:
        """What is known of a layer. Raises `InvalidLayer` when it is not there, or was damaged from outside."""
        try:
            return from_json((self._home(chain_id) / "layer").read_bytes(), LayerRecord)
        except (FileNotFoundError, NotADirectoryError):
            raise InvalidLayer(f"layer {chain_id} is not there", hint=_PULL_AGAIN) from None
        except (msgspec.DecodeError, msgspec.ValidationError) as exc:
            raise InvalidLayer(f"the record of layer {chain_id} is damaged: {exc}", hint=_PULL_AGAIN) from exc

    def records(self) -> dict[str, LayerRecord]:
        """What is known of every layer that is there, but for damaged ones and those that go at this moment."""
        found: dict[str, LayerRecord] = {}
        for chain_id in self.chain_ids():
            with suppress(InvalidLayer):
                found[chain_id] = self.record(chain_id)
        return found

    def add(
        self,
        chain_id: str,
        diff_id: str,
        read: Read,
        *,
        blob: str = "",
        keep: Callable[[], str] | None = None,
        is_local: bool = False,
    ) -> None:
        """Unpack a layer from its (compressed) archive; nothing is done when it is there already.

        `blob` is the digest of the archive's blob in the content store, if it is kept there. `keep` is for archives
        that are not: `pack` then gives the archive, uncompressed, and only if that cannot be, `keep` is called, keeps
        the archive and returns its digest.

        Raises `InvalidLayer` (also when it is not the archive that `diff_id` promises), or what `read` raises;
        then nothing stays.
        """
        if self.has(chain_id):
            return

        def fill(target: Path) -> LayerRecord:
            target.mkdir(mode=0o755)
            unpacked, kept = _unpack_and_remember(read, target, keep) if keep else (unpack(read, target), blob)
            if unpacked.diff_id != diff_id:
                raise InvalidLayer(f"layer unpacks to {unpacked.diff_id}, not to {diff_id} as its image says")
            return LayerRecord(unpacked.diff_id, unpacked.size_bytes, kept, is_local, unpacked.archive_bytes)

        self._make(fill, lambda: chain_id)

    def capture(self, upper: Path, parents: Sequence[str], *, moves: bool) -> CapturedLayer:
        """Make a layer of an upper directory of overlayfs, on top of the chain `parents` (ids, lowest first).

        With `moves` the directory itself becomes the layer: it must not be mounted any more, and is gone afterwards
        (unless that very layer was there already). Otherwise it is copied and may even be in use.
        Until an image, a container or a build's cache is recorded that needs the layer, it goes with the engine's
        next start. Raises `InvalidLayer`, `OSError`; then no layer stays, and `upper` is as it was.
        """
        packed: list[Packed] = []

        def fill(target: Path) -> LayerRecord:
            packed.append(_take(upper, target) if moves else _copy(upper, target))
            return _local(packed[0])

        def chain_id() -> str:
            return chain_ids([*parents[-1:], packed[0].diff_id])[-1]

        self._make(fill, chain_id, give_back=upper if moves else None)
        return CapturedLayer(packed[0].diff_id, chain_id(), packed[0].size_bytes)

    def take_in(self, read: Read) -> CapturedLayer:
        """Make a layer of a (compressed) archive of a whole file system, to lie below all others, as `capture` does.

        Its digest is that of the archive which is made of it again, not of the one that came. Raises `InvalidLayer`,
        and what `read` raises; then nothing stays.
        """
        packed: list[Packed] = []

        def fill(target: Path) -> LayerRecord:
            target.mkdir(mode=0o755)
            unpack(read, target)
            packed.append(pack(target))
            return _local(packed[0])

        self._make(fill, lambda: packed[0].diff_id)
        return CapturedLayer(packed[0].diff_id, packed[0].diff_id, packed[0].size_bytes)

    def share(self, chain_id: str, parents: Sequence[str]) -> str:
        """Have a layer on top of other parents as well, its files being there only once; returns its chain id there.

        Raises `FileNotFoundError` when it is not there at all, `OSError`.
        """
        record = self.record(chain_id)
        other = chain_ids([*parents[-1:], record.diff_id])[-1]

        def fill(target: Path) -> LayerRecord:
            link_tree(self.path(chain_id), target)
            recipe = self.path(chain_id).with_name(_RECIPE)
            if recipe.exists():
                target.with_name(_RECIPE).hardlink_to(recipe)
            return msgspec.structs.replace(record, is_local=True)

        if not self.has(other):
            self._make(fill, lambda: other)
        return other

    def pack(self, chain_id: str, write: Write) -> None:
        """Write a layer's uncompressed archive to `write`, made anew from its files. Blocks.

        Raises `InvalidLayer` at the end when that is not the archive from which the layer came, as it may be with
        one that was pulled: use its blob.
        """
        record, files = self.record(chain_id), self.path(chain_id)
        recipe = files.with_name(_RECIPE)
        diff_id = follow(recipe, files, write) if recipe.exists() else pack(files, write).diff_id
        if diff_id != record.diff_id:
            raise InvalidLayer(f"layer {record.diff_id} cannot be packed as it was: its files have changed")

    def note_blob(self, chain_id: str, digest: str) -> None:
        """Remember the blob that was made of a layer, for as long as the content store has it."""
        record = msgspec.structs.replace(self.record(chain_id), blob=digest)
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.root))
        try:
            with (temporary / "layer").open("xb") as file:
                file.write(msgspec.json.encode(record))
                file.flush()
                os.fsync(file.fileno())
            (temporary / "layer").replace(self._home(chain_id) / "layer")
        finally:
            delete_tree(temporary)

    def _make(
        self, fill: Callable[[Path], LayerRecord], chain_id: Callable[[], str], *, give_back: Path | None = None
    ) -> None:
        """Have a layer's directory filled under a temporary name, and settle it under its chain id.

        A directory that was moved there goes back to `give_back` if that fails.
        """
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=self.root))
        try:
            temporary.chmod(0o711)
            record = fill(temporary / "diff")
            (temporary / "layer").write_bytes(msgspec.json.encode(record))
            _sync(temporary)
            self._settle(temporary, chain_id())
        except BaseException:
            if give_back is not None and not give_back.exists():
                (temporary / "diff").rename(give_back)
            delete_tree(temporary)
            raise

    def remove(self, unwanted: Iterable[str]) -> int:
        """Delete layers, missing ones included; return the bytes that this freed."""
        _, trash, freed = self.set_aside(unwanted)
        delete_all(trash)
        return freed

    def set_aside(self, unwanted: Iterable[str]) -> tuple[list[str], list[Path], int]:
        """Make layers not be there any more, at once; return those that were, what is left to delete, and its bytes."""
        gone: list[str] = []
        trash: list[Path] = []
        freed = 0
        for chain_id in unwanted:
            aside = self.root / f"{_TEMPORARY}trash-{chain_id.removeprefix('sha256:')}"
            try:
                freed += self._bytes_to_free(chain_id)
                self._home(chain_id).rename(aside)
            except FileNotFoundError:
                continue
            (self.root / self.short_path(chain_id)).unlink(missing_ok=True)
            gone.append(chain_id)
            trash.append(aside)
        return gone, trash, freed

    def _bytes_to_free(self, chain_id: str) -> int:
        try:
            return self.size_bytes(chain_id)
        except InvalidLayer:
            return 0  # a damaged layer has to go, too

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
            if not self._home(chain_id).is_dir():
                raise
            if not self.has(chain_id):
                self._mend(temporary, self._home(chain_id))
            delete_tree(temporary)  # another was faster

    def _mend(self, whole: Path, damaged: Path) -> None:
        """Put into a layer what was taken out of it from outside. Files that are there stay: containers may stand on
        them.
        """
        for part in whole.iterdir():
            if part.name != "diff" or not (damaged / part.name).exists():
                part.rename(damaged / part.name)

    def _link(self, chain_id: str) -> None:
        target = f"../{chain_id.removeprefix('sha256:')}/diff"
        link = self.root / self.short_path(chain_id)
        try:
            link.symlink_to(target)
        except FileExistsError:
            if str(link.readlink()) != target:
                raise InvalidLayer(f"layer {chain_id} has the same short name as {link.readlink()}") from None


def _local(packed: Packed) -> LayerRecord:
    return LayerRecord(packed.diff_id, packed.size_bytes, is_local=True, archive_bytes=packed.archive_bytes)


def _unpack_and_remember(read: Read, target: Path, keep: Callable[[], str]) -> tuple[Unpacked, str]:
    """Unpack with a recipe; what `keep` says if there can be none."""
    place = target.with_name(_RECIPE)
    with place.open("xb") as file:
        recipe = Recipe(file)
        unpacked = unpack(read, target, recipe)
    if recipe.is_usable:
        return unpacked, ""
    place.unlink()
    return unpacked, keep()


def _take(upper: Path, target: Path) -> Packed:
    """Move an upper directory, and take out of it what its archive does not have."""
    packed = pack(upper)
    try:
        upper.rename(target)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        packed = _copy(upper, target)
        delete_tree(upper)
        return packed
    for path in packed.left_out:
        unwanted = target / os.fsdecode(path)
        if unwanted.is_dir() and not unwanted.is_symlink():
            delete_tree(unwanted)
        else:
            unwanted.unlink()
    return packed


def _copy(upper: Path, target: Path) -> Packed:
    """Copy an upper directory by way of its archive, so that the copy is just what the archive says."""
    target.mkdir(mode=0o755)
    packed, unpacked = piped(lambda write: pack(upper, write), lambda read: unpack(read, target))
    if unpacked.diff_id != packed.diff_id:
        raise InvalidLayer("the copy of a layer is not what was copied")
    return packed


def _sync(directory: Path) -> None:
    """Make a whole tree durable at once: one syncfs(2) costs a fraction of an fsync per file."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call("syncfs", descriptor, path=str(directory))
    finally:
        os.close(descriptor)
