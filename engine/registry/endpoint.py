"""One address of a registry or mirror: asking it with the right credentials, again while it is only busy."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.errors import RegistryError
from engine.registry.auth import Authenticator
from engine.registry.interrupt import Interrupt
from engine.registry.reference import DEFAULT_REGISTRY
from engine.registry.settings import RegistrySettings
from engine.registry.web import Answer, Query, Unreachable, Web
from engine.wire.images import AuthConfig
from engine.wire.typed import from_json

DOCKER_HUB: Final = "https://registry-1.docker.io"
TRIES: Final = 5
_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 30.0
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_MOST_ERROR_BYTES: Final = 64 * 1024


class Refusal(RegistryError):
    """A registry's final no. `code` is the specification's (`MANIFEST_UNKNOWN`) and `text` is its wording."""

    def __init__(self, host: str, http_status: int, code: str, text: str) -> None:
        super().__init__(f"{host} answers {http_status}: {text}")
        self.host = host
        self.http_status = http_status
        self.code = code
        self.text = text

    @property
    def is_passing(self) -> bool:
        """Whether the same may be asked again later."""
        return self.http_status in _BUSY


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct, frozen=True):
    errors: list[_Error] = []


class Endpoint(Struct, frozen=True):
    """One address that may have, or may take, what is wanted."""

    url: str
    is_mirror: bool
    authenticator: Authenticator
    web: Web

    @property
    def host(self) -> str:
        """The host and port, for messages."""
        return urlsplit(self.url).netloc

    def ask(self, query: Query, scope: str, interrupt: Interrupt, *, tries: int = TRIES) -> Answer:
        """An answer of status 2xx; retries what is worth it. Raises `Refusal`, `Unreachable`, `Interrupted`.

        `scope` are the rights that the question needs, as in bearer tokens, several with spaces between them.
        """
        for done in range(1, tries + 1):
            try:
                answer = self._authorised(query, scope, interrupt)
            except Unreachable as exc:
                if exc.is_lasting or done == tries:
                    raise
                interrupt.pause(pause_seconds(done, ""))
                continue
            if 200 <= answer.status < 300:
                return answer
            with answer:
                refusal = _refusal(self, answer)
            if not refusal.is_passing or done == tries:
                raise refusal
            interrupt.pause(pause_seconds(done, answer.header("Retry-After")))
        raise AssertionError("the last try returns or raises")

    def _authorised(self, query: Query, scope: str, interrupt: Interrupt) -> Answer:
        signed = self._signed(query, scope)
        answer = self.web.ask(signed, interrupt)
        if answer.status != 401:
            return answer
        sent = signed.headers.get("Authorization", "")
        try:
            is_worth_another_try = self.authenticator.answer(answer, scope, interrupt, sent=sent)
        except BaseException:
            answer.close()
            raise
        if not is_worth_another_try:
            return answer
        answer.close()
        return self.web.ask(self._signed(query, scope), interrupt)

    def _signed(self, query: Query, scope: str) -> Query:
        header = self.authenticator.header(scope)
        # A registry may send uploads elsewhere; credentials stay with it.
        if not header or urlsplit(query.url).netloc != self.host:
            return query
        return replace(query, headers={**query.headers, "Authorization": header})


def endpoints(registry: str, settings: RegistrySettings, auth: AuthConfig | None, web: Web) -> tuple[Endpoint, ...]:
    """Mirrors without credentials (they belong to the registry), then the registry; plain http only where allowed."""
    mirrors = [url.rstrip("/") for url in settings.mirrors.get(registry, ())]
    return (
        *(Endpoint(url, True, Authenticator(web, None, may_use_http=url.startswith("http:")), web) for url in mirrors),
        *own_endpoints(registry, settings, auth, web),
    )


def own_endpoints(registry: str, settings: RegistrySettings, auth: AuthConfig | None, web: Web) -> tuple[Endpoint, ...]:
    """The registry itself, without mirrors: what is pushed, and credentials, concern only that."""
    plain = settings.is_insecure(registry)
    urls = [DOCKER_HUB if registry == DEFAULT_REGISTRY else f"https://{registry}"]
    if plain and registry != DEFAULT_REGISTRY:
        urls.append(f"http://{registry}")
    itself = Authenticator(web, auth, may_use_http=plain)
    return tuple(Endpoint(url, False, itself, web) for url in urls)


def pause_seconds(tries: int, retry_after: str, *, now: float | None = None) -> float:
    """Longer after each try, never in step with others; what the server asks for goes first, within bounds."""
    if (asked := _asked_seconds(retry_after, time.time() if now is None else now)) is not None:
        return min(max(asked, 0.0), _LONGEST_PAUSE_SECONDS)
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), _LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1.0)


def _asked_seconds(retry_after: str, now: float) -> float | None:
    """Seconds from now: the header holds them, or a date (RFC 9110, 10.2.3)."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return None


def _refusal(endpoint: Endpoint, answer: Answer) -> Refusal:
    try:
        errors = from_json(answer.body(_MOST_ERROR_BYTES), _Errors).errors
    except (msgspec.DecodeError, msgspec.ValidationError, RegistryError):
        errors = []  # a proxy's page, say; the status tells enough
    error = errors[0] if errors else _Error()
    return Refusal(endpoint.host, answer.status, error.code, error.message or f"HTTP status {answer.status}")
