"""Pulling from a registry and its mirrors (OCI distribution-spec; Docker registry v2). Blocking, for threads.

Mirrors are tried in order, then the registry itself. What a mirror does not have is asked of the next; bytes are
checked against digests, so it does not matter who sent them. Nothing here touches the disk.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from engine.errors import RegistryError
from engine.registry.auth import Authenticator
from engine.registry.interrupt import Interrupt
from engine.registry.manifest import ACCEPTED, MOST_MANIFEST_BYTES, Descriptor, Document
from engine.registry.reference import DEFAULT_REGISTRY, is_digest
from engine.registry.settings import RegistrySettings
from engine.registry.web import Answer, Query, Unreachable, Web, is_loopback
from engine.wire.images import AuthConfig

_DOCKER_HUB: Final = "https://registry-1.docker.io"
_TRIES: Final = 5
_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 30.0
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_MOST_ERROR_BYTES: Final = 64 * 1024

T = TypeVar("T")


class Refusal(RegistryError):
    """A registry's final no. `code` is the specification's (`MANIFEST_UNKNOWN`) and `text` is its wording."""

    def __init__(self, host: str, http_status: int, code: str, text: str) -> None:
        super().__init__(f"{host} answers {http_status}: {text}")
        self.host = host
        self.http_status = http_status
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that may have what is wanted."""

    url: str
    is_mirror: bool
    authenticator: Authenticator

    @property
    def host(self) -> str:
        """The host and port, for messages."""
        return urlsplit(self.url).netloc


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct, frozen=True):
    errors: list[_Error] = []


class RegistryClient:
    """One registry, as one user sees it. May be shared by threads."""

    def __init__(self, registry: str, settings: RegistrySettings, auth: AuthConfig | None, web: Web) -> None:
        self._registry = registry
        self._web = web
        self._endpoints = _endpoints(registry, settings, auth, web)

    def manifest(self, repository: str, reference: str, interrupt: Interrupt) -> Document:
        """Fetch a manifest or index by tag or digest, its digest checked.

        Raises `Refusal`, `RegistryError` when no endpoint can be reached, `Interrupted`.
        """

        def fetch(endpoint: Endpoint) -> Document:
            query = Query(f"{endpoint.url}/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPTED})
            with self._get(endpoint, repository, query, interrupt) as answer:
                body = answer.body(MOST_MANIFEST_BYTES)
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            promised = reference if is_digest(reference) else answer.header("Docker-Content-Digest") or digest
            if promised != digest:
                raise RegistryError(f"{endpoint.host}: manifest has digest {digest}, not {promised} as promised")
            return Document(digest, answer.header("Content-Type"), body)

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
                tries = 1 if received > before else tries + 1
                if tries >= _TRIES:
                    raise cut or RegistryError(f"{self._registry}: blob {descriptor.digest} is shorter than promised")
                interrupt.pause(_pause_seconds(tries, ""))

    def distrust(self) -> None:
        """Ask another endpoint first from now on: the one that came first sent something corrupt."""
        first, *others = self._endpoints
        self._endpoints = (*others, first)

    def _rest(self, repository: str, descriptor: Descriptor, offset: int, interrupt: Interrupt) -> Iterator[bytes]:
        headers = {"Range": f"bytes={offset}-"} if offset else {}

        def open_blob(endpoint: Endpoint) -> Answer:
            url = f"{endpoint.url}/v2/{repository}/blobs/{descriptor.digest}"
            return self._get(endpoint, repository, Query(url, headers=headers), interrupt)

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
                continue
            if failures:
                self._endpoints = (endpoint, *(other for other in self._endpoints if other is not endpoint))
            return result
        raise self._verdict(failures)

    def _verdict(self, failures: list[tuple[Endpoint, RegistryError]]) -> RegistryError:
        refusals = [(endpoint, exc) for endpoint, exc in failures if isinstance(exc, Refusal)]
        tried = "; ".join(exc.message for _, exc in failures)
        for _, refusal in sorted(refusals, key=lambda failure: failure[0].is_mirror):
            if len(failures) > 1:
                refusal.hint = f"tried: {tried}"
            return refusal
        for _, failure in failures:
            if not isinstance(failure, Unreachable):
                return failure
        return Unreachable(
            f"registry {self._registry} cannot be reached: {tried}",
            is_lasting=True,
            hint="check the network and the name, or set a mirror of it in registries.toml",
        )

    def _get(self, endpoint: Endpoint, repository: str, query: Query, interrupt: Interrupt) -> Answer:
        """An answer of status 2xx; retries what is worth it. Raises `Refusal`, `Unreachable`, `Interrupted`."""
        for tries in range(1, _TRIES + 1):
            try:
                answer = self._authorised(endpoint, repository, query, interrupt)
            except Unreachable as exc:
                if exc.is_lasting or tries == _TRIES:
                    raise
                interrupt.pause(_pause_seconds(tries, ""))
                continue
            if answer.status in (200, 206):
                return answer
            with answer:
                refusal = _refusal(endpoint, answer)
            if answer.status not in _BUSY or tries == _TRIES:
                raise refusal
            interrupt.pause(_pause_seconds(tries, answer.header("Retry-After")))
        raise AssertionError("the last try returns or raises")

    def _authorised(self, endpoint: Endpoint, repository: str, query: Query, interrupt: Interrupt) -> Answer:
        scope = f"repository:{repository}:pull"
        answer = self._web.ask(_with_authorization(query, endpoint, scope), interrupt)
        if answer.status != 401:
            return answer
        try:
            is_worth_another_try = endpoint.authenticator.answer(answer, scope, interrupt)
        except BaseException:
            answer.close()
            raise
        if not is_worth_another_try:
            return answer
        answer.close()
        return self._web.ask(_with_authorization(query, endpoint, scope), interrupt)


def _with_authorization(query: Query, endpoint: Endpoint, scope: str) -> Query:
    header = endpoint.authenticator.header(scope)
    if not header:
        return query
    return Query(query.url, query.method, {**query.headers, "Authorization": header}, query.body)


def _endpoints(registry: str, settings: RegistrySettings, auth: AuthConfig | None, web: Web) -> tuple[Endpoint, ...]:
    """Mirrors without credentials (they belong to the registry), then the registry; plain http only where allowed."""
    host = registry.rpartition(":")[0] if registry.rpartition(":")[2].isdecimal() else registry
    plain = is_loopback(host.strip("[]")) or registry in settings.insecure or host in settings.insecure
    urls = [_DOCKER_HUB if registry == DEFAULT_REGISTRY else f"https://{registry}"]
    if plain and registry != DEFAULT_REGISTRY:
        urls.append(f"http://{registry}")
    itself = Authenticator(web, auth, may_use_http=plain)
    mirrors = [url.rstrip("/") for url in settings.mirrors.get(registry, ())]
    return (
        *(Endpoint(url, True, Authenticator(web, None, may_use_http=url.startswith("http:"))) for url in mirrors),
        *(Endpoint(url, False, itself) for url in urls),
    )


def _refusal(endpoint: Endpoint, answer: Answer) -> Refusal:
    try:
        errors = msgspec.json.decode(answer.body(_MOST_ERROR_BYTES), type=_Errors).errors
    except (msgspec.DecodeError, msgspec.ValidationError, RegistryError):
        errors = []  # a proxy's page, say; the status tells enough
    error = errors[0] if errors else _Error()
    return Refusal(endpoint.host, answer.status, error.code, error.message or f"HTTP status {answer.status}")


def _pause_seconds(tries: int, retry_after: str) -> float:
    """Longer after each try, never in step with others; what the server asks for goes first, within bounds."""
    if retry_after.isdecimal():
        return min(float(retry_after), _LONGEST_PAUSE_SECONDS)
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), _LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1.0)
