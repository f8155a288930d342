"""Pulling from a registry and its mirrors (OCI distribution-spec; Docker registry v2). Blocking, for threads.

Mirrors are tried in order, then the registry itself. What a mirror does not have is asked of the next; bytes are
checked against digests, so it does not matter who sent them. Nothing here touches the disk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec

from engine.errors import RegistryError
from engine.registry.endpoint import Endpoint, Refusal, endpoints, pause_seconds
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import ACCEPTED, MOST_MANIFEST_BYTES, Descriptor, Document, check_whole
from engine.registry.reference import is_digest
from engine.registry.settings import RegistrySettings
from engine.registry.web import Answer, Query, Unreachable, Web
from engine.wire.images import AuthConfig
from engine.wire.typed import from_json

T = TypeVar("T")

_MOST_TAGS: Final = 10_000
_LEAST_PROGRESS_BYTES: Final = 64 * 1024
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


class _Tags(msgspec.Struct, frozen=True):
    tags: list[str] | None = None


class RegistryClient:
    """One registry, as one user sees it. May be shared by threads."""

    def __init__(self, registry: str, settings: RegistrySettings, auth: AuthConfig | None, web: Web) -> None:
        self._registry = registry
        self._endpoints = endpoints(registry, settings, auth, web)
        self._attempts = settings.limits.attempts

    def manifest(self, repository: str, reference: str, interrupt: Interrupt) -> Document:
        """Fetch a manifest or index by tag or digest, its digest checked.

        Raises `Refusal`, `RegistryError` when no endpoint can be reached, `Interrupted`.
        """

        def fetch(endpoint: Endpoint) -> Document:
            query = Query(f"{endpoint.url}/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPTED})
            with endpoint.ask(query, _pulling(repository), interrupt) as answer:
                body = answer.body(MOST_MANIFEST_BYTES)
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            promised = reference if is_digest(reference) else answer.header("Docker-Content-Digest") or digest
            if promised != digest:
                raise RegistryError(f"{endpoint.host}: manifest has digest {digest}, not {promised} as promised")
            document = Document(digest, answer.header("Content-Type"), body)
            check_whole(document)  # what is cut off here may be whole at the next address
            return document

        return self._first(fetch)

    def tags(self, repository: str, interrupt: Interrupt) -> list[str]:
        """Every tag of a repository, as its registry orders them. Raises like `manifest`."""

        def fetch(endpoint: Endpoint) -> list[str]:
            found: list[str] = []
            url = f"{endpoint.url}/v2/{repository}/tags/list"
            while url and len(found) < _MOST_TAGS:
                with endpoint.ask(Query(url), _pulling(repository), interrupt) as answer:
                    page = _page(answer.body(MOST_MANIFEST_BYTES), endpoint)
                    link = _NEXT.search(answer.header("Link"))
                found += page.tags or []
                url = urljoin(url, link[1]) if link and page.tags else ""  # an empty page leads nowhere
                if url and urlsplit(url).netloc != endpoint.host:
                    raise RegistryError(f"{endpoint.host}: the list of tags goes on elsewhere, at {url}")
            return found

        return self._first(fetch)

    def document(self, repository: str, descriptor: Descriptor, most_bytes: int, interrupt: Interrupt) -> bytes:
        """Fetch a small blob whole, its digest checked."""
        if descriptor.size > most_bytes:
            raise RegistryError(f"{descriptor.digest} is {descriptor.size} bytes; at most {most_bytes} are read")
        body = b"".join(self.blob(repository, descriptor, interrupt))
        if "sha256:" + hashlib.sha256(body).hexdigest() != descriptor.digest:
            raise RegistryError(f"{self._registry}: blob {descriptor.digest} does not have that digest")
        return body

    def blob(self, repository: str, descriptor: Descriptor, interrupt: Interrupt) -> Iterator[bytes]:
        """Yield a blob's bytes as they arrive, exactly `descriptor.size` of them.

        After a cut it goes on where it stopped (by Range), at another endpoint if need be. The caller checks the
        digest. Raises `Refusal`, `RegistryError`, `Interrupted`.
        """
        received = tries = 0
        while received < descriptor.size:
            before = received
            cut: Unreachable | None = None
            try:
                for chunk in self._rest(repository, descriptor, received, interrupt):
                    received += len(chunk)
                    if received > descriptor.size:
                        raise RegistryError(f"{self._registry}: blob {descriptor.digest} is longer than promised")
                    yield chunk
            except Unreachable as exc:
                cut = exc
            if received < descriptor.size:
                tries = 1 if received - before >= _LEAST_PROGRESS_BYTES else tries + 1
                if tries >= self._attempts:
                    raise cut or RegistryError(f"{self._registry}: blob {descriptor.digest} is shorter than promised")
                interrupt.pause(pause_seconds(tries, ""))

    def distrust(self) -> None:
        """Ask another endpoint first from now on: the one that came first sent something corrupt."""
        first, *others = self._endpoints
        self._endpoints = (*others, first)

    def _rest(self, repository: str, descriptor: Descriptor, offset: int, interrupt: Interrupt) -> Iterator[bytes]:
        headers = {"Range": f"bytes={offset}-"} if offset else {}

        def open_blob(endpoint: Endpoint) -> Answer:
            url = f"{endpoint.url}/v2/{repository}/blobs/{descriptor.digest}"
            return endpoint.ask(Query(url, headers=headers), _pulling(repository), interrupt, tries=self._attempts)

        with self._first(open_blob) as answer:
            to_skip = offset
            if answer.status == 206:
                if not answer.header("Content-Range").startswith(f"bytes {offset}-"):
                    raise RegistryError(f"{self._registry}: asked for bytes from {offset} on, got others")
                to_skip = 0
            for chunk in answer.chunks():
                if to_skip < len(chunk):
                    yield chunk[to_skip:] if to_skip else chunk
                to_skip = max(to_skip - len(chunk), 0)

    def _first(self, fetch: Callable[[Endpoint], T]) -> T:
        """What the first endpoint gives that can; it goes first from then on."""
        failures: list[tuple[Endpoint, RegistryError]] = []
        for endpoint in self._endpoints:
            try:
                result = fetch(endpoint)
            except RegistryError as exc:
                failures.append((endpoint, exc))
                if not endpoint.is_mirror and isinstance(exc, Unreachable) and exc.speaks_tls:
                    break
                continue
            if failures:
                self._endpoints = (endpoint, *(other for other in self._endpoints if other is not endpoint))
            return result
        raise self._verdict(failures)

    def _verdict(self, failures: list[tuple[Endpoint, RegistryError]]) -> RegistryError:
        refusals = [(endpoint, exc) for endpoint, exc in failures if isinstance(exc, Refusal)]
        tried = "; ".join(exc.message for _, exc in failures)
        for _, refusal in sorted(refusals, key=lambda failure: failure[0].is_mirror):
            if len({endpoint.host for endpoint, _ in failures}) > 1:
                refusal.hint = f"tried: {tried}"
            return refusal
        for _, failure in failures:
            if not isinstance(failure, Unreachable):
                return failure
        return Unreachable(
            f"registry {self._registry} cannot be reached: {tried}",
            is_lasting=True,
            hint=next((exc.hint for _, exc in failures if exc.hint), None)
            or "check the network and the name, or set a mirror of it in registries.toml",
        )


def _page(body: bytes, endpoint: Endpoint) -> _Tags:
    try:
        return from_json(body, _Tags)
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        raise RegistryError(f"{endpoint.host}: the list of tags cannot be read: {exc}") from exc


def _pulling(repository: str) -> str:
    return f"repository:{repository}:pull"
