"""An application brought to its registry."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import anyio.to_thread
from msgspec import Struct
from msgspec.structs import replace

from compose.artifact.copying import copy_image
from compose.artifact.manifest import (
    INDEX_TYPE,
    MANIFEST_TYPE,
    PROJECT_TYPE,
    Descriptor,
    Version,
    application_index,
    empty_config,
    manifest,
)
from compose.artifact.registry import ManifestRefused, Registries, reference_of
from engine.registry.interrupt import Interrupt
from engine.registry.reference import Reference


class Artifact(Struct, frozen=True):
    """What is published, and where: the application's layers, the images that go with it and the form (None: any).

    `made_by` is the version of docker compose that the artifact is like.
    """

    reference: Reference
    layers: tuple[Descriptor, ...]
    images: tuple[str, ...]
    version: Version | None
    made_by: str


async def push(artifact: Artifact, registries: Registries) -> None:
    """Bring the artifact to its registry. Cancellation leaves blobs that no manifest names. Raises `ComposeError`."""
    interrupt = Interrupt()
    try:
        await anyio.to_thread.run_sync(partial(_push, registries, artifact, interrupt), abandon_on_cancel=True)
    finally:
        interrupt.trigger()


def _push(registries: Registries, artifact: Artifact, interrupt: Interrupt) -> None:
    created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    version = artifact.version or "1.1"
    try:
        body = _put(registries, artifact, version, created, interrupt)
    except ManifestRefused:
        if artifact.version:
            raise
        version = "1.0"  # the registry may be older than types of artifacts
        body = _put(registries, artifact, version, created, interrupt)
    if artifact.images:
        images = [copy_image(registries, reference_of(name), artifact.reference, interrupt) for name in artifact.images]
        kind = PROJECT_TYPE if version == "1.1" else ""
        index = application_index(images, body, kind, artifact.made_by)
        registries.put(replace(artifact.reference, tag=""), INDEX_TYPE, index, interrupt)


def _put(registries: Registries, artifact: Artifact, version: Version, created: str, interrupt: Interrupt) -> bytes:
    registries.push_blobs(artifact.reference, (empty_config(version), *artifact.layers), interrupt)
    body = manifest(artifact.layers, version, created)
    registries.put(artifact.reference, MANIFEST_TYPE, body, interrupt)
    return body
