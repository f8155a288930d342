"""HTTP for the registry client: blocking, over http.client, with kept connections, redirects, TLS and proxies.

Every failure to get an answer is `Unreachable`; an answer of any status is an `Answer`. Nothing is retried here
but a kept connection that the server had closed meanwhile.
"""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from msgspec import Struct, field

from engine.errors import RegistryError
from engine.registry.interrupt import Interrupt
from engine.registry.patience import Pace, PatientSocket
from engine.registry.settings import RegistrySettings, is_loopback
from engine.registry.tls import context_for

_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 60.0
_HEAD_SECONDS: Final = 120.0  # also for what a registry does with an upload before it answers
_SMALL_BODY_SECONDS: Final = 300.0
_LEAST_BYTES: Final = 16 * 1024  # of a long body in each while of `_SILENCE_SECONDS`
_KEPT_PER_HOST: Final = 6
_MOST_REDIRECTS: Final = 5
_CHUNK_BYTES: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What OpenSSL makes of an answer in plain text.
_PLAIN: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
_AGENT: Final = "pycompose"


class Unreachable(RegistryError):
    """No answer, or one that broke off. `is_lasting` tells that trying again at once is useless, `speaks_tls` that
    there is a server that wants TLS, so that plain http is not worth trying.
    """

    def __init__(self, message: str, *, is_lasting: bool, speaks_tls: bool = False, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.is_lasting = is_lasting
        self.speaks_tls = speaks_tls


class Query(Struct, frozen=True):
    """What is asked of a server. A long body comes in pieces, from the start each time that it has to be sent."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Callable[[], Iterator[bytes]] | None = None


class Answer:
    """A server's answer whose body is read in pieces. Close it; a body read to its end keeps the connection."""

    def __init__(self, web: Web, link: _Link, response: http.client.HTTPResponse, interrupt: Interrupt) -> None:
        self.status = response.status
        self.headers = response.headers
        self._web = web
        self._link = link
        self._response = response
        self._interrupt = interrupt

    def header(self, name: str) -> str:
        """A header's value, or ""."""
        return self.headers.get(name, "")

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives. Raises `Unreachable` when it breaks off or trickles."""
        pace = Pace(_LEAST_BYTES, _SILENCE_SECONDS)
        with self._interrupt.watching(self._link.socket):
            while True:
                began = time.monotonic()
                try:
                    chunk = self._response.read1(_CHUNK_BYTES)
                except (OSError, http.client.HTTPException) as exc:
                    self._interrupt.check()
                    raise Unreachable(f"{self._link.name}: {_reason(exc)}", is_lasting=False) from exc
                self._interrupt.check()
                if not chunk:
                    return
                is_fast_enough = pace.took(time.monotonic() - began, len(chunk))
                yield chunk
                if not is_fast_enough:
                    raise Unreachable(f"{self._link.name}: sends next to nothing", is_lasting=False)

    def body(self, most_bytes: int) -> bytes:
        """The whole body. Raises `RegistryError` when it is longer than allowed, `Unreachable` when it breaks off."""
        parts: list[bytes] = []
        total = 0
        self._link.hurry(_SMALL_BODY_SECONDS)
        for chunk in self.chunks():
            parts.append(chunk)
            total += len(chunk)
            if total > most_bytes:
                raise RegistryError(f"{self._link.name}: answer is longer than {most_bytes} bytes")
        announced = self.header("Content-Length")
        if announced.isdecimal() and total < int(announced):
            raise Unreachable(f"{self._link.name}: the answer broke off", is_lasting=False)
        return b"".join(parts)

    def close(self) -> None:
        """Let go of the connection."""
        if self._response.isclosed() and not self._response.will_close:
            self._web.keep(self._link)
        else:
            self._response.close()
            self._link.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class _Link:
    """A connection and the socket below it (which http.client forgets once it has handed it to a response)."""

    def __init__(
        self,
        key: tuple[str, str, int],
        connection: http.client.HTTPConnection,
        context: ssl.SSLContext | None,
        *,
        wants_whole_url: bool,
    ) -> None:
        self.key = key
        self._context = context
        self.wants_whole_url = wants_whole_url
        self.connection = connection
        self.socket: socket.socket | None = None
        self.is_used = False
        self._patient: PatientSocket | None = None

    @property
    def name(self) -> str:
        scheme, host, port = self.key
        return f"{scheme}://{host}:{port}"

    def connect(self, interrupt: Interrupt) -> None:
        self.connection.connect()
        connected: socket.socket = self.connection.sock
        if self._context is not None:
            # Not by http.client, for a server may keep us waiting here, too.
            secured = self._context.wrap_socket(connected, server_hostname=self.key[1], do_handshake_on_connect=False)
            self.connection.sock = connected = secured
            with interrupt.watching(secured):
                secured.do_handshake()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.settimeout(_SILENCE_SECONDS)
        self.socket = connected
        self._patient = PatientSocket(connected)
        self.connection.sock = self._patient

    def hurry(self, seconds: float) -> None:
        """From now on, reading is to end within so many seconds; it may last for ever with infinity."""
        if self._patient is not None:
            self._patient.ends = time.monotonic() + seconds

    def close(self) -> None:
        self.connection.close()


class Web:
    """Connections to registries, shared by all threads."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str, int], list[_Link]] = defaultdict(list)
        self._contexts: dict[str, ssl.SSLContext] = {}

    def close(self) -> None:
        """Close the connections that nobody uses now."""
        with self._lock:
            links = [link for kept in self._idle.values() for link in kept]
            self._idle.clear()
        for link in links:
            link.close()

    def keep(self, link: _Link) -> None:
        """Put a connection back that is ready for the next query."""
        with self._lock:
            kept = self._idle[link.key]
            if len(kept) < _KEPT_PER_HOST:
                link.is_used = True
                kept.append(link)
                return
        link.close()

    def ask(self, query: Query, interrupt: Interrupt) -> Answer:
        """Send a query, follow redirects (without the credentials once they leave the host), return the answer.

        Raises `Unreachable`, or `Interrupted` when called off.
        """
        url, headers = query.url, dict(query.headers)
        for _ in range(_MOST_REDIRECTS + 1):
            interrupt.check()
            parts = _parts(url)
            answer = self._ask_once(parts, query, headers, interrupt)
            target = answer.header("Location")
            if answer.status not in _REDIRECTS or not target:
                return answer
            answer.close()
            url = urljoin(url, target)
            scheme = url.partition(":")[0]
            if scheme not in ("http", "https") or (parts.scheme == "https" and scheme == "http"):
                raise Unreachable(f"{parts.netloc} redirects to {scheme}:, which is not safe", is_lasting=True)
            there = _parts(url)
            if there.netloc != parts.netloc:
                headers.pop("Authorization", None)
        raise Unreachable(f"{urlsplit(query.url).netloc} redirects without end", is_lasting=True)

    def _ask_once(self, parts: SplitResult, query: Query, headers: Mapping[str, str], interrupt: Interrupt) -> Answer:
        while True:
            # A long body that breaks off may have half arrived: only who sends it knows how to go on, so no retry here.
            link = self._take(parts, is_fresh=callable(query.body))
            try:
                if link.socket is None:
                    link.connect(interrupt)
                with interrupt.watching(link.socket):
                    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                    if link.wants_whole_url:
                        target = parts.geturl()
                    body = query.body() if callable(query.body) else query.body
                    try:
                        link.connection.request(
                            query.method, target, body=body, headers={"User-Agent": _AGENT, **headers}
                        )
                    except (BrokenPipeError, ConnectionResetError):
                        if body is None:
                            raise
                        # A server that does not want the whole body may have said why before it hung up.
                    link.hurry(_HEAD_SECONDS)
                    response = link.connection.getresponse()
                    link.hurry(math.inf)
                    return Answer(self, link, response, interrupt)
            except BaseException as exc:
                link.close()
                if not isinstance(exc, (OSError, http.client.HTTPException, UnicodeError)):
                    raise
                interrupt.check()
                if link.is_used:
                    continue  # a kept connection may have been closed by the server meanwhile: once more on a new one
                raise Unreachable(
                    f"{link.name}: {_reason(exc)}",
                    is_lasting=_is_lasting(exc),
                    speaks_tls=isinstance(exc, ssl.SSLError) and exc.reason not in _PLAIN,
                    hint=_hint(exc, link.key[1]),
                ) from exc

    def _take(self, parts: SplitResult, *, is_fresh: bool) -> _Link:
        host = parts.hostname or ""
        key = (parts.scheme, host, parts.port or (443 if parts.scheme == "https" else 80))
        with self._lock:
            if self._idle[key] and not is_fresh:
                return self._idle[key].pop()
        # A proxy is asked for plain http by whole URL; https goes through it in a tunnel.
        is_proxied = parts.scheme == "http" and self._proxy("http", host) is not None
        context = self._context(host, key[2]) if parts.scheme == "https" else None
        return _Link(key, self._connection(*key), context, wants_whole_url=is_proxied)

    def _connection(self, scheme: str, host: str, port: int) -> http.client.HTTPConnection:
        proxy = self._proxy(scheme, host)
        near_host, near_port = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
        connection = http.client.HTTPConnection(near_host, near_port, timeout=_CONNECT_SECONDS)
        if scheme == "https":
            connection.default_port = http.client.HTTPS_PORT  # which the header `Host` does not name
        if proxy and scheme == "https":
            connection.set_tunnel(host, port)
        return connection

    def _proxy(self, scheme: str, host: str) -> SplitResult | None:
        url = self._settings.proxies.get(scheme, "")
        if not url or is_loopback(host):
            return None
        if any(
            name == "*" or host == name.lstrip(".") or host.endswith("." + name.lstrip("."))
            for name in self._settings.direct
        ):
            return None
        return urlsplit(url if "://" in url else f"http://{url}")

    def _context(self, host: str, port: int) -> ssl.SSLContext:
        name = f"{host}:{port}"
        with self._lock:
            if name not in self._contexts:
                self._contexts[name] = context_for(self._settings, host, port)
            return self._contexts[name]


def _is_lasting(error: Exception) -> bool:
    return isinstance(error, (socket.gaierror, ConnectionRefusedError, ssl.SSLError, TimeoutError)) or (
        isinstance(error, OSError) and not isinstance(error, ConnectionError)
    )


def _hint(error: Exception, host: str) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"if you trust it, name its CA: `ca` in registries.toml, or /etc/docker/certs.d/{host}/ca.crt"
    if isinstance(error, ssl.SSLError) and error.reason in _PLAIN:
        return f'if that is meant to be, allow it: `insecure = true` for "{host}" in registries.toml'
    return None


def _parts(url: str) -> SplitResult:
    """An address in its parts. Raises `Unreachable` for what is none, which users and redirects may say."""
    nonsense = Unreachable(f"{url!r} is no address of a registry", is_lasting=True)
    try:
        parts = urlsplit(url)
        if parts.hostname and parts.hostname.encode("idna") and parts.port != 0 and parts.netloc.isprintable():
            return parts
    except ValueError as exc:  # also of characters, and of labels that are too long
        raise nonsense from exc
    raise nonsense


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason in _PLAIN:
        return "speaks plain http, not TLS"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
