"""Images without layers, and file systems that are plain directories."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import anyio

from engine.errors import NoSuchImage
from engine.images.configuration import parse_configuration
from engine.images.record import Image
from engine.state.paths import Paths
from engine.storage.changes import Change, Kind
from engine.storage.content import digest_of
from engine.storage.layers import CapturedLayer
from engine.wire.containers import ContainerConfig


class FakeImages:
    """Images by name; `alpine` is there."""

    def __init__(self) -> None:
        config = ContainerConfig(cmd=["sh"], env=["PATH=/bin"])
        self.known = {"alpine": Image(id="sha256:" + "a" * 64, config=config, chain_ids=[], diff_ids=[])}

    def all(self) -> list[Image]:
        return list(self.known.values())

    def get(self, name_or_id: str) -> Image:
        for name, image in self.known.items():
            if name_or_id in (name, image.id):
                return image
        raise NoSuchImage(name_or_id)

    async def discard(self, chain_ids: Sequence[str]) -> None:
        return

    def making(self) -> AbstractContextManager[None]:
        return nullcontext()

    def holding(self, digests: Iterable[str]) -> AbstractContextManager[None]:
        return nullcontext()

    async def add(self, body: bytes, *, tags: Sequence[str] = (), parent: str = "") -> Image:
        configuration = parse_configuration("", body)
        made = Image(
            id=digest_of(body),
            config=configuration.config,
            chain_ids=[],
            diff_ids=configuration.rootfs.diff_ids,
            history=configuration.history,
            repo_tags=list(tags),
            parent=parent,
        )
        self.known[tags[0] if tags else made.id] = made
        return made


class FakeSnapshots:
    """File systems as directories; `mounted` are those that a real one would have mounted."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self.mounted: set[str] = set()
        self.fail_next: Exception | None = None

    async def create(self, container_id: str, chain_ids: Sequence[str]) -> None:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        root = self._paths.containers / container_id / "rootfs"
        (root / "etc").mkdir(parents=True)
        (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")

    async def mount(self, container_id: str) -> Path:
        return self.mount_now(container_id)

    def mount_now(self, container_id: str) -> Path:
        self.mounted.add(container_id)
        return self._paths.containers / container_id / "rootfs"

    async def unmount(self, container_id: str) -> None:
        self.unmount_now(container_id)

    def unmount_now(self, container_id: str) -> None:
        self.mounted.discard(container_id)

    async def remove(self, container_id: str) -> None:
        self.remove_now(container_id)

    def remove_now(self, container_id: str) -> None:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        self.mounted.discard(container_id)
        shutil.rmtree(self._paths.containers / container_id, ignore_errors=True)

    async def size(self, container_id: str) -> int:
        return 17

    async def changes(self, container_id: str) -> list[Change]:
        return [Change(b"etc", Kind.MODIFIED)]

    async def capture(self, container_id: str) -> CapturedLayer:
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        return CapturedLayer("sha256:" + "d" * 64, "sha256:" + "d" * 64, 17)

    def chain_ids(self, container_id: str) -> list[str]:
        return []

    def diff_ids(self, container_id: str) -> list[str]:
        return []

    def below(self, container_id: str) -> list[Path]:
        return []

    async def mount_read_only(self, target: Path, chain_ids: Sequence[str]) -> None:
        await anyio.Path(target).mkdir(parents=True)

    async def unmount_at(self, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)

    async def recover(self, known: Collection[str]) -> None:
        return None
