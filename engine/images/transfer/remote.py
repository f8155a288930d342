"""What a reference stands for in its registry: `GET /distribution/{name}/json`. Blocking, for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from engine.images.configuration import parse_configuration
from engine.images.transfer.resolve import explain
from engine.registry.manifest import DOCKER_MANIFEST, MOST_CONFIG_BYTES, Document, Index, parse
from engine.registry.reference import Reference
from engine.wire.images import DistributionDescriptor, DistributionInspect, DistributionPlatform
from engine.wire.typed import from_json

if TYPE_CHECKING:
    from engine.registry.client import RegistryClient
    from engine.registry.interrupt import Interrupt


class _Typed(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""


def describe_remote(client: RegistryClient, reference: Reference, interrupt: Interrupt) -> DistributionInspect:
    """Ask for the manifest or index, and of a single image for its config, which knows the platform.

    Raises `NotFound` and `RegistryError` in Docker's words.
    """
    from engine.registry.endpoint import Refusal

    try:
        top = client.manifest(reference.repository, reference.digest or reference.tag, interrupt)
        parsed = parse(top)
        if isinstance(parsed, Index):
            offered = [entry.platform for entry in parsed.manifests if entry.platform]
            platforms = [_platform(item.architecture, item.os, item.variant) for item in offered]
        else:
            body = client.document(reference.repository, parsed.config, MOST_CONFIG_BYTES, interrupt)
            found = parse_configuration(parsed.config.digest, body, layer_count=len(parsed.layers))
            platforms = [_platform(found.architecture, found.os, found.variant)]
    except Refusal as exc:
        raise explain(exc, reference) from exc
    descriptor = DistributionDescriptor(media_type=_media_type(top), digest=top.digest, size=len(top.body))
    return DistributionInspect(descriptor=descriptor, platforms=platforms)


def _media_type(document: Document) -> str:
    written = from_json(document.body, _Typed).media_type
    return written or document.media_type.partition(";")[0].strip() or DOCKER_MANIFEST


def _platform(architecture: str, os: str, variant: str) -> DistributionPlatform:
    return DistributionPlatform(architecture=architecture, os=os, variant=variant or UNSET)
