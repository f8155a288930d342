"""Logging in, and the tokens that are asked for on the way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.errors import EngineError, RegistryError, Unauthorized
from engine.registry.auth import Authenticator
from engine.registry.interrupt import Interrupt
from engine.registry.login import log_in, registry_of
from engine.registry.settings import RegistrySettings
from engine.registry.upload import BytesSource, RegistryWriter
from engine.registry.web import Web
from engine.wire.images import AuthConfig
from tests.fakes.http import serving

BASIC = "Basic " + base64.b64encode(b"me:pass").decode()


@dataclass
class TokenRegistry:
    """A registry that wants bearer tokens, and the server that gives them. `asked` are the parameters it got."""

    host: str = ""
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    scheme: str = "Bearer"
    answer: dict[str, object] = field(default_factory=lambda: {"token": "tok", "refresh_token": "ref"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: TokenRegistry

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path.startswith("/token"):
            self._token(parse_qs(urlsplit(self.path).query), is_known=self.headers.get("Authorization") == BASIC)
            return
        good = "Bearer tok" if self.registry.scheme == "Bearer" else BASIC
        if self.headers.get("Authorization") == good:
            self._answer(200, {})
        else:
            realm = f'{self.registry.scheme} realm="http://{self.registry.host}/token",service="a b"'
            self._answer(401, {}, realm)

    do_HEAD = do_GET  # noqa: N815 - http.server's names

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._token(form, is_known=form.get("refresh_token") == ["ref"])

    def _token(self, asked: dict[str, list[str]], *, is_known: bool) -> None:
        self.registry.asked.append(asked)
        self._answer(200 if is_known else 401, self.registry.answer if is_known else {})

    def _answer(self, status: int, content: object, challenge: str = "") -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serve() -> Iterator[TokenRegistry]:
    registry = TokenRegistry()
    with serving(type("Handler", (_Handler,), {"registry": registry})) as registry.host:
        yield registry


@pytest.fixture
def registry() -> Iterator[TokenRegistry]:
    with serve() as running:
        yield running


def login(registry: TokenRegistry, web: Web, password: str = "pass") -> str:
    auth = AuthConfig(username="me", password=password, serveraddress=registry.host)
    return log_in(auth, RegistrySettings(), web, Interrupt())


@pytest.mark.parametrize(
    ("address", "registry"),
    [
        ("", "docker.io"), ("https://index.docker.io/v1/", "docker.io"), ("ghcr.io", "ghcr.io"),
        ("https://a.b:5000/v2/", "a.b:5000"), ("http://localhost:5000", "localhost:5000"),
    ],
)  # fmt: skip
def test_an_address_of_a_login_means_a_registry(address: str, registry: str) -> None:
    assert registry_of(address) == registry


def test_a_login_gets_a_token_that_lasts_where_the_registry_gives_one(registry: TokenRegistry, web: Web) -> None:
    assert login(registry, web) == "ref"
    assert registry.asked[0]["offline_token"] == ["true"]
    assert registry.asked[0]["service"] == ["a b"]
    assert registry.asked[0]["account"] == ["me"]


def test_a_login_with_basic_credentials_gets_no_token(registry: TokenRegistry, web: Web) -> None:
    registry.scheme = "Basic"
    assert login(registry, web) == ""


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_wrong_credentials_are_refused_without_being_repeated(registry: TokenRegistry, web: Web, scheme: str) -> None:
    registry.scheme = scheme
    with pytest.raises(Unauthorized, match="unauthorized: incorrect username or password") as raised:
        login(registry, web, "wr0ng")
    assert "wr0ng" not in str(raised.value)
    assert raised.value.status == 401


def test_a_registry_that_is_not_there_is_an_error(web: Web) -> None:
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:1"):
        log_in(
            AuthConfig(username="a", password="b", serveraddress="127.0.0.1:1"), RegistrySettings(), web, Interrupt()
        )


def test_a_lasting_token_is_exchanged_for_one_of_the_scope(registry: TokenRegistry, web: Web) -> None:
    writer = RegistryWriter(registry.host, RegistrySettings(), AuthConfig(identitytoken="ref"), web)
    writer.settle(Interrupt())
    assert writer.has("app", BytesSource(b"").digest(), Interrupt()) is not None
    assert registry.asked == [
        {
            "service": ["a b"],
            "scope": ["repository:app:pull,push"],
            "grant_type": ["refresh_token"],
            "refresh_token": ["ref"],
            "client_id": ["pycompose"],
        }
    ]


@pytest.mark.parametrize("answer", [{}, {"token": None}, {"token": 5}, {"expires_in": 3}])
def test_a_token_server_that_gives_none_is_an_error(
    registry: TokenRegistry, web: Web, answer: dict[str, object]
) -> None:
    registry.answer = answer
    with pytest.raises(RegistryError, match="gives no usable token"):
        login(registry, web)


def test_credentials_do_not_go_to_a_token_server_without_tls(registry: TokenRegistry, web: Web) -> None:
    authenticator = Authenticator(web, AuthConfig(username="me", password="pass"), may_use_http=False)
    with pytest.raises(RegistryError, match="not https"):
        authenticator._check_realm("http://tokens.example/token")
