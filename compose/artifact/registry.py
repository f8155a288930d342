"""Registries for applications. Blocking, for threads; the engine's client for registries does the work.

The engine itself is not asked: it knows images only, a Compose file is read before there is an engine, and another
engine than ours has no such calls. What the machine's owner says about registries holds here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec.structs import replace

from compose.artifact.manifest import Descriptor, chosen_manifest, digest_of, layers_in
from compose.errors import ComposeError
from engine.errors import BadRequest, EngineError
from engine.registry.client import RegistryClient
from engine.registry.endpoint import Refusal
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import Descriptor as Blob
from engine.registry.manifest import Document
from engine.registry.reference import Reference, is_digest
from engine.registry.settings import (
    DOCKER_SETTINGS,
    SYSTEM_REGISTRIES,
    TRUST_DIRECTORIES,
    RegistrySettings,
    settings_files,
)
from engine.registry.upload import BytesSource, RegistryWriter
from engine.registry.web import Unreachable, Web
from engine.wire.images import AuthConfig

FindAuth = Callable[[str], AuthConfig | None]

_MOST_FILE_BYTES: Final = 32 * 1024 * 1024  # more than the loader reads of one
_MOST_LAYERS: Final = 1_000
_NOT_FOUND: Final = 404


class RegistryUnreachable(ComposeError):
    """The registry does not answer: what was pulled before may do."""


class ManifestRefused(ComposeError):
    """A registry does not take a manifest, for another reason than rights: it may not know the form."""


def reference_of(text: str) -> Reference:
    """A reference with a tag or a digest. Raises `ComposeError`."""
    try:
        found = Reference.parse(text).tagged()
    except BadRequest as exc:
        raise ComposeError(exc.message, hint=exc.hint) from exc
    return replace(found, tag="") if found.digest else found


def settings_in(environment: Mapping[str, str], insecure: Sequence[str] = ()) -> RegistrySettings:
    """What is said about registries on this machine, and by the user, who may vouch for some of them."""
    try:
        files = settings_files(environment, DOCKER_SETTINGS, SYSTEM_REGISTRIES)
        found = RegistrySettings.load(files).with_proxies(environment).with_trust(TRUST_DIRECTORIES)
    except EngineError as exc:
        raise ComposeError(exc.message, hint=exc.hint) from exc
    return replace(found, insecure=found.insecure | set(insecure))


class Registries:
    """Registries as one user sees them. Every call may be called off by its `Interrupt`."""

    def __init__(self, settings: RegistrySettings, find_auth: FindAuth) -> None:
        self._settings = settings
        self._find_auth = find_auth

    @contextmanager
    def reading(self, registry: str) -> Iterator[RegistryClient]:
        """A client to read from, for the block."""
        with self._web() as web:
            yield RegistryClient(registry, self._settings, self._find_auth(registry), web)

    @contextmanager
    def writing(self, registry: str, interrupt: Interrupt) -> Iterator[RegistryWriter]:
        """A client to write with, for the block."""
        with self._web() as web:
            writer = RegistryWriter(registry, self._settings, self._find_auth(registry), web)
            writer.settle(interrupt)
            yield writer

    @contextmanager
    def _web(self) -> Iterator[Web]:
        web = Web(self._settings)
        try:
            yield web
        finally:
            web.close()

    def resolve(self, reference: Reference, interrupt: Interrupt) -> tuple[str, bytes]:
        """The digest that a reference stands for, and the manifest of its application.

        Raises `RegistryUnreachable`, and `ComposeError` for what is not there or something else.
        """
        name = reference.familiar
        with told(f"cannot pull {name}", name), self.reading(reference.registry) as client:
            document = client.manifest(reference.repository, reference.digest or reference.tag, interrupt)
            top = document.digest
            inner = chosen_manifest(name, document.media_type, document.body)
            if inner is not None:
                document = client.manifest(reference.repository, inner, interrupt)
            return top, document.body

    def layers(self, reference: Reference, manifest: bytes, interrupt: Interrupt) -> Iterator[tuple[Descriptor, bytes]]:
        """The layers of an application, their digests checked. Raises `ComposeError`."""
        name = reference.familiar
        found = layers_in(name, manifest)
        if len(found) > _MOST_LAYERS:
            raise ComposeError(f"{name} has {len(found)} layers, more than any application")
        with told(f"cannot pull {name}", name), self.reading(reference.registry) as client:
            for layer in found:
                if not is_digest(layer.digest) or layer.size < 0:
                    raise ComposeError(f"the manifest of {name} cannot be read: {layer.digest!r} is not a digest")
                blob = Blob(layer.digest, layer.size)
                yield layer, client.document(reference.repository, blob, _MOST_FILE_BYTES, interrupt)

    def push_blobs(self, reference: Reference, blobs: Sequence[Descriptor], interrupt: Interrupt) -> None:
        """Bring blobs that are not there yet. Raises `ComposeError`."""
        with self._publishing(reference, interrupt) as writer:
            for blob in {item.digest: item for item in blobs}.values():
                if writer.has(reference.repository, blob.digest, interrupt) is None:
                    source = BytesSource(blob.data)
                    writer.push(reference.repository, source, interrupt, lambda _: None, digest=blob.digest)

    def put(self, reference: Reference, media_type: str, body: bytes, interrupt: Interrupt) -> str:
        """Put a manifest whose blobs are there, by its tag if it has one; return the digest. Raises `ComposeError`."""
        document = Document(digest_of(body), media_type, body)
        with self._publishing(reference, interrupt) as writer:
            try:
                writer.put_manifest(reference.repository, reference.tag or document.digest, document, interrupt)
            except Refusal as exc:
                if 400 <= exc.http_status < 500 and exc.http_status not in (401, 403, 407):
                    raise ManifestRefused(f"cannot publish {reference.familiar}: {exc.message}") from exc
                raise
        return document.digest

    @contextmanager
    def _publishing(self, reference: Reference, interrupt: Interrupt) -> Iterator[RegistryWriter]:
        doing = f"cannot publish {reference.familiar}"
        with told(doing, ""), self.writing(reference.registry, interrupt) as writer:
            yield writer


@contextmanager
def told(doing: str, sought: str) -> Iterator[None]:
    """Turn what the engine's client raises into errors of ours; `sought` is what a 404 is about."""
    try:
        yield
    except Unreachable as exc:
        raise RegistryUnreachable(f"{doing}: {exc.message}", hint=exc.hint) from exc
    except Refusal as exc:
        if exc.http_status == _NOT_FOUND and sought:
            raise ComposeError(f"{sought} not found", hint=f"the registry says: {exc.text}") from exc
        hint = f"log in with `pycompose login {exc.host}`" if exc.http_status in (401, 403) else exc.hint
        raise ComposeError(f"{doing}: {exc.message}", hint=hint) from exc
    except EngineError as exc:
        raise ComposeError(f"{doing}: {exc.message}", hint=exc.hint) from exc
