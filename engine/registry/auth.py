"""Authentication at a registry: basic, and bearer tokens (distribution: spec/auth/token.md, spec/auth/oauth.md)."""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from engine.errors import BadRequest, RegistryError, Unauthorized
from engine.registry.interrupt import Interrupt
from engine.registry.settings import is_loopback
from engine.registry.web import Answer, Query, Web
from engine.wire.codec import decode
from engine.wire.images import AuthConfig

_MOST_TOKEN_BYTES: Final = 1024 * 1024
_SHORTEST_LIFE_SECONDS: Final = 60
_CLIENT: Final = "pycompose"
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


class Challenge(Struct, frozen=True):
    """What a 401 asks for: a scheme (lower case) and its parameters."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""
    refresh_token: str = ""
    expires_in: int = _SHORTEST_LIFE_SECONDS


def challenges(values: list[str]) -> list[Challenge]:
    """Read `WWW-Authenticate` headers, one challenge each (as registries send them)."""
    found = []
    for value in values:
        scheme, _, rest = value.strip().partition(" ")
        parameters = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
        found.append(
            Challenge(
                scheme.lower(), parameters.get("realm", ""), parameters.get("service", ""), parameters.get("scope", "")
            )
        )
    return found


def split_credentials(auth: AuthConfig) -> tuple[str, str]:
    """User name and password, also from the joint base64 form. Raises `Unauthorized` when that cannot be read."""
    if auth.username or not auth.auth:
        return auth.username, auth.password
    try:
        user, _, password = base64.b64decode(auth.auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise Unauthorized("the credentials cannot be read", hint="log in to the registry again") from exc
    return user, password


class Authenticator:
    """Authorisation for one host, from one set of credentials. Tokens are remembered by scope while they last.

    With `wants_identity_token` a lasting token is asked for along with the first one; it is then in `identity_token`.
    """

    def __init__(
        self, web: Web, auth: AuthConfig | None, *, may_use_http: bool, wants_identity_token: bool = False
    ) -> None:
        self._wants_identity_token = wants_identity_token
        self.identity_token = ""
        self._web = web
        self._auth = auth or AuthConfig()
        self._may_use_http = may_use_http
        self._lock = threading.Lock()
        self._headers: dict[str, tuple[str, float]] = {}

    def header(self, scope: str) -> str:
        """The `Authorization` value to send for a scope, or "" as long as nothing was asked for."""
        if self._auth.registrytoken:
            return f"Bearer {self._auth.registrytoken}"
        with self._lock:
            value, ends = self._headers.get(scope, ("", 0.0))
        return value if ends > time.monotonic() else ""

    def answer(self, refusal: Answer, scope: str, interrupt: Interrupt, *, sent: str = "") -> bool:
        """Obtain what a 401 asks for; return False when there is nothing (more) to try.

        `sent` is the `Authorization` that was refused: another thread may have got a better one meanwhile.
        Raises `Unauthorized` when the credentials are refused.
        """
        for challenge in challenges(refusal.headers.get_all("WWW-Authenticate", [])):
            if challenge.scheme == "bearer" and challenge.realm:
                header, life_seconds = self._token(challenge, scope, interrupt)
                if not header:
                    return False
            elif challenge.scheme == "basic" and self._basic() and sent != self._basic():
                header, life_seconds = self._basic(), 1e9
            else:
                continue
            with self._lock:
                self._headers[scope] = (header, time.monotonic() + life_seconds)
            return True
        return False

    def _basic(self) -> str:
        user, password = split_credentials(self._auth)
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""

    def _token(self, challenge: Challenge, scope: str, interrupt: Interrupt) -> tuple[str, float]:
        self._check_realm(challenge.realm)
        query = self._token_query(challenge, scope)
        with self._web.ask(query, interrupt) as answer:
            body = answer.body(_MOST_TOKEN_BYTES)
        host = urlsplit(challenge.realm).netloc
        if answer.status in (400, 401, 403):
            if not self._basic() and not self._auth.identitytoken:
                return "", 0.0
            raise Unauthorized(f"{host} refuses the credentials", hint="log in with the right user name and password")
        if answer.status != 200:
            raise RegistryError(f"{host} gives no token: HTTP status {answer.status}")
        try:
            token = decode(body, _Token)
        except BadRequest as exc:
            raise RegistryError(f"{host} gives no usable token: {exc.message}") from exc
        if not token.token and not token.access_token:
            raise RegistryError(f"{host} gives no usable token: it is empty")
        self.identity_token = token.refresh_token
        life_seconds = max(token.expires_in, _SHORTEST_LIFE_SECONDS) * 0.9
        return f"Bearer {token.token or token.access_token}", life_seconds

    def _token_query(self, challenge: Challenge, scope: str) -> Query:
        # What the registry asks for may be more than we thought of, and less: it does not know where blobs come from.
        scopes = list(dict.fromkeys([*challenge.scope.split(), *scope.split()]))
        if self._auth.identitytoken:
            form = {
                "service": challenge.service,
                "scope": " ".join(scopes),
                "grant_type": "refresh_token",
                "refresh_token": self._auth.identitytoken,
                "client_id": _CLIENT,
            }
            typed = {"Content-Type": "application/x-www-form-urlencoded"}
            return Query(challenge.realm, method="POST", headers=typed, body=urlencode(form).encode())
        wanted = [("service", challenge.service)] if challenge.service else []
        wanted += [("scope", item) for item in scopes]
        if self._wants_identity_token:
            wanted += [("offline_token", "true"), ("client_id", _CLIENT)]
        basic = self._basic()
        if basic:
            wanted.append(("account", split_credentials(self._auth)[0]))
        joint = "&" if "?" in challenge.realm else "?"
        headers = {"Authorization": basic} if basic else {}
        return Query(challenge.realm + joint + urlencode(wanted), headers=headers)

    def _check_realm(self, realm: str) -> None:
        parts = urlsplit(realm)
        if parts.scheme == "https" or (
            parts.scheme == "http" and (self._may_use_http or is_loopback(parts.hostname or ""))
        ):
            return
        raise RegistryError(
            f"the registry sends credentials to {realm!r}, which is not https", hint="report it to the registry"
        )
