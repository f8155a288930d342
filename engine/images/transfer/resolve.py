"""From a reference to what has to be fetched: index, manifest and config, all checked. Blocking, for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from engine.errors import EngineError, NotFound, RegistryError
from engine.images.configuration import Configuration, parse_configuration
from engine.registry.manifest import (
    DOCKER_MANIFEST,
    MOST_CONFIG_BYTES,
    OCI_MANIFEST,
    Descriptor,
    Document,
    Index,
    Manifest,
    choose,
    parse,
)
from engine.registry.platforms import Platform
from engine.registry.reference import DEFAULT_REGISTRY, Reference
from engine.storage.content import Content

if TYPE_CHECKING:
    from engine.registry.endpoint import Refusal
    from engine.registry.interrupt import Interrupt
    from engine.registry.places import Reader

_MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
_MOST_IMAGES = 200


class Resolved(Struct, frozen=True):
    """An image as its registry describes it. `digest` is what the tag stands for: the index's, if there is one."""

    digest: str
    documents: tuple[Document, ...]
    manifest: Manifest
    configuration: Configuration
    configuration_body: bytes


def resolve(
    client: Reader, reference: Reference, platform: Platform, content: Content, interrupt: Interrupt
) -> Resolved:
    """Ask the registry what `reference` is for a platform. A config that is on disk already is not fetched again.

    Raises `NotFound` and `RegistryError` in Docker's words.
    """
    from engine.registry.endpoint import Refusal

    try:
        top = client.manifest(reference.repository, reference.digest or reference.tag, interrupt)
        documents = [top]
        parsed = parse(top)
        if isinstance(parsed, Index):
            entry = choose(parsed, platform, reference.familiar)
            documents.append(client.manifest(reference.repository, entry.digest, interrupt))
            parsed = parse(documents[-1])
            if isinstance(parsed, Index):
                raise RegistryError(f"{reference.familiar}: an index within an index is not supported")
        return _described(client, reference, tuple(documents), parsed, content, interrupt)
    except Refusal as exc:
        raise explain(exc, reference) from exc


def resolve_every(
    client: Reader, reference: Reference, platform: Platform, content: Content, interrupt: Interrupt
) -> list[Resolved]:
    """Every image behind `reference` that is for a platform, in the index's order. Raises as `resolve`."""
    from engine.registry.endpoint import Refusal

    try:
        top = client.manifest(reference.repository, reference.digest or reference.tag, interrupt)
        parsed = parse(top)
        if isinstance(parsed, Manifest):
            return [_described(client, reference, (top,), parsed, content, interrupt)]
        found = []
        for entry in [entry for entry in parsed.manifests if _is_image_for(entry, platform)][:_MOST_IMAGES]:
            document = client.manifest(reference.repository, entry.digest, interrupt)
            manifest = parse(document)
            if isinstance(manifest, Manifest):
                found.append(_described(client, reference, (top, document), manifest, content, interrupt))
        return found
    except Refusal as exc:
        raise explain(exc, reference) from exc


def _described(
    client: Reader, reference: Reference, documents: tuple[Document, ...], manifest: Manifest, content: Content,
    interrupt: Interrupt,
) -> Resolved:  # fmt: skip
    digest = manifest.config.digest
    # What a failing disk has cut short is fetched again.
    for document in documents:
        content.drop_if_spoilt(document.digest, len(document.body))
    for blob in (manifest.config, *manifest.layers):
        content.drop_if_spoilt(blob.digest, blob.size)
    if content.has(digest):
        body = content.read(digest)
    else:
        body = client.document(reference.repository, manifest.config, MOST_CONFIG_BYTES, interrupt)
    configuration = parse_configuration(digest, body, layer_count=len(manifest.layers))
    return Resolved(documents[0].digest, documents, manifest, configuration, body)


def _is_image_for(entry: Descriptor, platform: Platform) -> bool:
    offered = entry.platform
    return (
        entry.media_type in _MANIFESTS
        and offered is not None
        and platform.rank(Platform(offered.os, offered.architecture, offered.variant)) is not None
    )


def check_platform(actual: Platform, reference: Reference, wanted: Platform) -> None:
    """Raise `NotFound` unless the image is for the platform that was asked for."""
    if wanted.rank(actual) is None:
        raise NotFound(
            f"image with reference {reference.familiar} was found but does not match the specified platform: "
            f"wanted {wanted}, actual: {actual}"
        )


def login_command(registry: str) -> str:
    """What to type to log in to a registry."""
    return "pycompose login" if registry == DEFAULT_REGISTRY else f"pycompose login {registry}"


def _missing(tried: str | None) -> str:
    """What may be wrong with a name that several addresses, or one, do not know.

    Only Docker Hub itself tells a missing repository from a missing tag; docker-py looks for its engine's words of it.
    """
    return f"the repository does not exist or has no such tag; {tried}" if tried else "check the name and the tag"


def explain(refusal: Refusal, reference: Reference) -> EngineError:
    """A registry's no in Docker's words (which tools look for)."""
    name, code, text = reference.familiar_name, refusal.code, refusal.text
    if code == "NAME_UNKNOWN":
        return NotFound(f"repository {name} not found: name unknown: {text}", hint=refusal.hint)
    if refusal.http_status in (401, 403) or code in ("DENIED", "UNAUTHORIZED"):
        word = "unauthorized" if code == "UNAUTHORIZED" else "denied"
        return NotFound(
            f"pull access denied for {name}, repository does not exist or may require 'docker login': {word}: {text}",
            hint=refusal.hint or f"if it is there, log in: {login_command(reference.registry)}",
        )
    if refusal.http_status == 404:
        return NotFound(
            f"manifest for {reference.familiar} not found: manifest unknown: {text}",
            hint=_missing(refusal.hint),
        )
    if refusal.http_status == 429:
        return RegistryError(f"{refusal.host}: too many requests: {text}", hint="log in for a higher limit, or wait")
    return RegistryError(f"pull of {reference.familiar} failed: {refusal.message}", hint=refusal.hint)
