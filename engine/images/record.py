"""What the engine remembers of an image."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.images.configuration import Configuration, HistoryEntry
from engine.storage.layers import chain_ids
from engine.wire.containers import ContainerConfig


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One image. `id` is the digest of its config; names are as people write them (`postgres:16`, `postgres@sha256:…`).

    `chain_ids` and `diff_ids` are lowest first; `size` counts the bytes of the layers' files; `content` are the digests
    of its blobs in the content store (index, manifest, config, layers). `parent` is the id of the image that it was
    made from here, if that was so.
    """

    id: str
    config: ContainerConfig
    chain_ids: list[str]
    diff_ids: list[str]
    repo_tags: list[str] = []
    repo_digests: list[str] = []
    size: int = 0
    created: str = ""
    architecture: str = ""
    variant: str = ""
    os: str = "linux"
    author: str = ""
    comment: str = ""
    docker_version: str = ""
    history: list[HistoryEntry] = []
    content: list[str] = []
    tagged_ns: int = 0
    parent: str = ""

    def event_attributes(self, name: str) -> dict[str, str]:
        """What Docker tells of an image with its events: its labels and a name."""
        return {**self.config.labels, "name": name}


def image_of(configuration: Configuration, image_id: str, *, size_bytes: int, content: Sequence[str]) -> Image:
    """The record of an image, without names."""
    return Image(
        id=image_id,
        config=configuration.config,
        chain_ids=chain_ids(configuration.rootfs.diff_ids),
        diff_ids=configuration.rootfs.diff_ids,
        size=size_bytes,
        created=configuration.created,
        architecture=configuration.architecture,
        variant=configuration.variant,
        os=configuration.os,
        author=configuration.author,
        comment=configuration.comment,
        docker_version=configuration.docker_version,
        history=configuration.history,
        content=list(dict.fromkeys(content)),
    )
