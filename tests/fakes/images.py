"""Images without an engine behind them, and what all fake services share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from engine.errors import NoSuchImage, NotFound, Unauthorized
from engine.images.archives.taking_in import ImportOptions
from engine.images.clearing import UsedBy
from engine.images.listing import Wish
from engine.images.usage import DiskUse
from engine.registry.platforms import Platform
from engine.registry.settings import RegistrySettings
from engine.wire.images import (
    AuthConfig,
    DistributionDescriptor,
    DistributionInspect,
    HistoryItem,
    ImageDeleteItem,
    ImageInspect,
    ImageSummary,
    Progress,
    ProgressDetail,
    SearchResult,
)

NOW_NS = 1_714_564_800_000_000_000
CREATED = "2024-05-01T12:00:00.000000000Z"


class Runs:
    """Has nothing to recover and nothing to supervise."""

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        task_status.started()

    async def recover(self) -> None:
        return


@dataclass(frozen=True, slots=True)
class FakeImage:
    """An image by its tag."""

    id: str
    repo_tags: list[str]
    repo_digests: list[str] = field(default_factory=list)
    size: int = 1234


def familiar(name: str) -> str:
    """A name as people write it: without what Docker Hub's names have in common."""
    return name.removeprefix("docker.io/").removeprefix("library/")


class FakeImages(Runs):
    """`ImageJobs` in memory. Pulling makes up an image; `pull_error` fails after the first line."""

    def __init__(self) -> None:
        self.known = [FakeImage("sha256:" + "a" * 64, ["busybox:latest"])]
        self.pull_error: Exception | None = None
        self.early_error: Exception | None = None
        self.pulled: list[tuple[str, str, AuthConfig | None]] = []
        self.pushed: list[tuple[str, AuthConfig | None]] = []
        self.loaded: list[bytes] = []
        self.taken_in: list[tuple[bytes, ImportOptions]] = []
        self.pull_gate: anyio.Event | None = None
        self.pulling = 0

    def get(self, name_or_id: str) -> FakeImage:
        name_or_id = familiar(name_or_id)
        for image in self.known:
            if name_or_id in (image.id, *image.repo_tags) or f"{name_or_id}:latest" in image.repo_tags:
                return image
        raise NoSuchImage(name_or_id)

    def all(self) -> list[FakeImage]:
        return list(self.known)

    async def pull(
        self, reference: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncIterator[Progress]:
        self.pulled.append((reference, platform, auth))
        if self.early_error:
            raise self.early_error
        yield Progress(id="latest", status=f"Pulling from {reference}")
        self.pulling += 1
        try:
            if self.pull_gate:
                await self.pull_gate.wait()
        finally:
            self.pulling -= 1
        if self.pull_error:
            raise self.pull_error
        yield Progress(id="aaaa", status="Downloading", progress_detail=ProgressDetail(current=1, total=2))
        self.known.append(FakeImage("sha256:" + "b" * 64, [familiar(reference)]))
        yield Progress(status=f"Status: Downloaded newer image for {reference}")

    async def distribution(self, reference: str, *, auth: AuthConfig | None = None) -> DistributionInspect:
        self.pulled.append((reference, "", auth))
        if self.early_error:
            raise self.early_error
        descriptor = DistributionDescriptor(media_type="application/x", digest="sha256:" + "c" * 64, size=5)
        return DistributionInspect(descriptor=descriptor)

    async def pull_all(
        self, name: str, *, platform: str = "", auth: AuthConfig | None = None
    ) -> AsyncIterator[Progress]:
        for tag in ("1", "2"):
            async for line in self.pull(f"{name}:{tag}", platform=platform, auth=auth):
                yield line

    async def push(self, name: str, *, platform: str = "", auth: AuthConfig | None = None) -> AsyncIterator[Progress]:
        self.pushed.append((name, auth))
        if self.early_error:
            raise self.early_error
        yield Progress(status=f"The push refers to repository [{name}]")
        if self.pull_error:
            raise self.pull_error

    def registries(self) -> dict[str, object]:
        return {"Mirrors": ["https://mirror.lan"], "InsecureRegistryCIDRs": ["127.0.0.0/8"], "IndexConfigs": {}}

    def use_registries(self, settings: RegistrySettings) -> None:
        self.settings = settings

    async def log_in(self, auth: AuthConfig) -> str:
        if auth.password != "right":
            raise Unauthorized("unauthorized: incorrect username or password")
        return "a-token" if auth.serveraddress == "gives.tokens" else ""

    async def search(self, term: str, *, limit: int, auth: AuthConfig | None = None) -> list[SearchResult]:
        found = [SearchResult(name=term, star_count=5, is_official=True), SearchResult(name=f"my/{term}")]
        return found[:limit]

    async def load(
        self, archive: AsyncIterator[bytes], *, platform: str = "", quiet: bool = False
    ) -> AsyncIterator[Progress]:
        self.loaded.append(b"".join([chunk async for chunk in archive]))
        yield Progress(stream="Loaded image: busybox:latest\n")

    def save(self, wanted: Sequence[str]) -> AsyncGenerator[bytes, None]:
        return self._save([self.get(name) for name in wanted])

    async def _save(self, images: Sequence[FakeImage]) -> AsyncGenerator[bytes, None]:
        for image in images:
            yield image.id.encode()

    async def disk_use(self) -> DiskUse:
        return DiskUse(1234, {})

    async def take_in(self, archive: AsyncIterator[bytes], options: ImportOptions) -> str:
        self.taken_in.append((b"".join([chunk async for chunk in archive]), options))
        return "sha256:" + "d" * 64

    async def tag(self, name_or_id: str, repository: str, tag: str) -> None:
        self.get(name_or_id).repo_tags.append(familiar(f"{repository}:{tag}"))

    async def remove(
        self, name_or_id: str, *, force: bool, used_by: UsedBy, with_parents: bool = True
    ) -> list[ImageDeleteItem]:
        image = self.get(name_or_id)
        self.known.remove(image)
        return [ImageDeleteItem(untagged=name_or_id), ImageDeleteItem(deleted=image.id)]

    async def prune(
        self, *, only_dangling: bool, used_by: UsedBy, spares: Callable[[FakeImage], bool]
    ) -> tuple[list[ImageDeleteItem], int]:
        gone = [i for i in self.known if not used_by(i.id) and not spares(i) and not (only_dangling and i.repo_tags)]
        self.known = [image for image in self.known if image not in gone]
        return [ImageDeleteItem(deleted=image.id) for image in gone], sum(image.size for image in gone)

    def inspect(self, image: FakeImage) -> ImageInspect:
        return ImageInspect(id=image.id, repo_tags=image.repo_tags, created=CREATED, architecture="amd64")

    def summary(self, image: FakeImage) -> ImageSummary:
        return ImageSummary(id=image.id, repo_tags=image.repo_tags, created=1_700_000_000, size=image.size)

    def listed(self, wish: Wish) -> list[ImageSummary]:
        return [self.summary(image) for image in self.known]

    def created_ns(self, image: FakeImage) -> int:
        return 1_700_000_000 * 1_000_000_000

    def check_platform(self, image: FakeImage, name: str, wanted: Platform | None) -> None:
        if wanted and wanted.architecture != "amd64":
            raise NotFound(f"{name} is for amd64")

    def history(self, image: FakeImage) -> list[HistoryItem]:
        return [HistoryItem(id=image.id, created=1_700_000_000, created_by="/bin/sh")]
