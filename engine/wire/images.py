"""Images on the wire (moby api/swagger.yaml: ImageInspect, ImageSummary, CreateImageInfo)."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType, field

from engine.wire.codec import Wire
from engine.wire.containers import ContainerConfig, DriverData


class AuthConfig(Wire, frozen=True, kw_only=True, rename="lower"):
    """Credentials of one registry, as in the `X-Registry-Auth` header."""

    username: str = ""
    password: str = ""
    auth: str = ""
    serveraddress: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class RootFS(Wire, frozen=True, kw_only=True):
    """The uncompressed digests of an image's layers, lowest first."""

    type: str = "layers"
    layers: list[str] = []


class ImageInspect(Wire, frozen=True, kw_only=True):
    """Answer of `GET /images/{name}/json`; `id` is the digest of the image's config."""

    id: str
    repo_tags: list[str] = []
    repo_digests: list[str] = []
    parent: str = ""
    comment: str = ""
    created: str = ""
    docker_version: str = ""
    author: str = ""
    config: ContainerConfig = ContainerConfig()
    architecture: str = ""
    variant: str | UnsetType = UNSET
    os: str = "linux"
    size: int = 0
    graph_driver: DriverData = DriverData()
    root_fs: RootFS = field(name="RootFS", default=RootFS())
    metadata: dict[str, str] = {}


class ImageSummary(Wire, frozen=True, kw_only=True):
    """One entry of `GET /images/json`; -1 means not counted."""

    id: str
    parent_id: str = ""
    repo_tags: list[str] = []
    repo_digests: list[str] = []
    created: int = 0
    size: int = 0
    shared_size: int = -1
    labels: dict[str, str] | None = None
    containers: int = -1


class ImageDeleteItem(Wire, frozen=True, kw_only=True):
    """One thing that `DELETE /images/{name}` did."""

    untagged: str | UnsetType = UNSET
    deleted: str | UnsetType = UNSET


class HistoryItem(Wire, frozen=True, kw_only=True):
    """One step of an image's history, newest first."""

    id: str
    created: int
    created_by: str
    tags: list[str] | None = None
    size: int = 0
    comment: str = ""


class DistributionDescriptor(Wire, frozen=True, kw_only=True, rename="camel"):
    """What a name stands for in its registry: an index's or a manifest's digest, and its size in bytes."""

    media_type: str
    digest: str
    size: int


class DistributionPlatform(Wire, frozen=True, kw_only=True, rename="lower"):
    """One platform that an image is there for."""

    architecture: str
    os: str
    variant: str | UnsetType = UNSET


class DistributionInspect(Wire, frozen=True, kw_only=True):
    """Answer of `GET /distribution/{name}/json`."""

    descriptor: DistributionDescriptor
    platforms: list[DistributionPlatform] = []


class AuthResult(Wire, frozen=True, kw_only=True):
    """Answer of `POST /auth`; a token, if there is one, is to be kept instead of the password."""

    status: str = "Login Succeeded"
    identity_token: str = ""


class SearchResult(Wire, frozen=True, kw_only=True, rename=None):
    """One entry of `GET /images/search`."""

    star_count: int = 0
    is_official: bool = False
    name: str
    is_automated: bool = False
    description: str = ""


class PushResult(Wire, frozen=True, kw_only=True):
    """What a push put into its registry, told along with the progress; `size` is the manifest's, in bytes."""

    tag: str
    digest: str
    size: int


class ProgressDetail(Wire, frozen=True, kw_only=True, rename="lower"):
    """Bytes done and to do."""

    current: int | UnsetType = UNSET
    total: int | UnsetType = UNSET


class ErrorDetail(Wire, frozen=True, kw_only=True, rename="lower"):
    """The error that ended a stream."""

    message: str = ""
    code: int | UnsetType = UNSET


class Progress(Wire, frozen=True, kw_only=True, rename="camel"):
    """One line of a pull's, push's, load's or build's stream. `id` is a layer's short digest, or the tag."""

    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    progress: str | UnsetType = UNSET
    progress_detail: ProgressDetail | UnsetType = UNSET
    stream: str | UnsetType = UNSET
    aux: dict[str, Any] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    error_detail: ErrorDetail | UnsetType = UNSET
