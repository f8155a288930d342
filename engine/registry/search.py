"""Searching a registry: Docker Hub's way (`/v1/search`), and the catalogue of those that have nothing better."""

from __future__ import annotations

from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from engine.errors import RegistryError
from engine.registry.endpoint import Endpoint, Refusal, endpoints
from engine.registry.interrupt import Interrupt
from engine.registry.reference import DEFAULT_REGISTRY
from engine.registry.settings import RegistrySettings
from engine.registry.web import Query, Unreachable, Web
from engine.wire.images import AuthConfig, SearchResult
from engine.wire.typed import from_json

_HUB_SEARCH: Final = "https://index.docker.io"
_MOST_ANSWER_BYTES: Final = 16 * 1024 * 1024
_CATALOGUE_PAGE: Final = 1000

T = TypeVar("T")


class _Found(msgspec.Struct, frozen=True):
    results: list[SearchResult] = []


class _Catalogue(msgspec.Struct, frozen=True):
    repositories: list[str] | None = None


def split_term(term: str) -> tuple[str, str]:
    """The registry that a term names (docker.io if none), and the rest of it."""
    first, slash, rest = term.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return ("docker.io" if first == "index.docker.io" else first), rest
    return DEFAULT_REGISTRY, term.removeprefix("library/")


def search(
    term: str, limit: int, settings: RegistrySettings, auth: AuthConfig | None, web: Web, interrupt: Interrupt
) -> list[SearchResult]:
    """At most `limit` repositories that fit a term. Mirrors are asked too, and of Docker Hub first its own index.

    Raises `RegistryError` when nobody answers.
    """
    registry, wanted = split_term(term)
    candidates = list(endpoints(registry, settings, auth, web))
    if registry == DEFAULT_REGISTRY:
        itself = candidates.pop()
        # A mirror knows only what somebody has pulled, so the index comes before it.
        candidates.insert(0, Endpoint(_HUB_SEARCH, False, itself.authenticator, web))
    failures: list[str] = []
    for endpoint in candidates:
        try:
            return _search_at(endpoint, wanted, limit, interrupt)[:limit]
        except (Refusal, Unreachable) as exc:
            failures.append(exc.message)
    raise RegistryError(f"{registry} cannot be searched: {'; '.join(failures)}")


def _search_at(endpoint: Endpoint, term: str, limit: int, interrupt: Interrupt) -> list[SearchResult]:
    query = Query(f"{endpoint.url}/v1/search?{urlencode({'q': term, 'n': limit})}")
    try:
        with endpoint.ask(query, "", interrupt, tries=2) as answer:
            return _parsed(answer.body(_MOST_ANSWER_BYTES), _Found, endpoint).results
    except Refusal as exc:
        if exc.http_status not in (404, 405):
            raise
    query = Query(f"{endpoint.url}/v2/_catalog?n={_CATALOGUE_PAGE}")
    with endpoint.ask(query, "registry:catalog:*", interrupt, tries=2) as answer:
        names = _parsed(answer.body(_MOST_ANSWER_BYTES), _Catalogue, endpoint).repositories or []
    return [SearchResult(name=name.removeprefix("library/")) for name in names if term in name]


def _parsed(body: bytes, kind: type[T], endpoint: Endpoint) -> T:
    try:
        return from_json(body, kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        raise RegistryError(f"{endpoint.host} answers a search with something else: {exc}") from exc
