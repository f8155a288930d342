"""HTTP/1.1 as the Engine API uses it, without input or output. The server reads by h11 (`engine.api.connection`),
the clients by llhttp (`engine.client.parser`).

A request's target is `/v1.51/containers/json?all=1`; the version may be missing. `Query` reads parameters as
Docker does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from msgspec import Struct

from engine.errors import BadRequest
from engine.wire.system import API_VERSION, MIN_API_VERSION

RAW_STREAM: Final = "application/vnd.docker.raw-stream"
MULTIPLEXED_STREAM: Final = "application/vnd.docker.multiplexed-stream"
JSON: Final = "application/json"
TAR: Final = "application/x-tar"

# As Go's servers: credentials of many registries travel in one header.
MAX_HEAD_BYTES: Final = 1024 * 1024
MAX_JSON_BYTES: Final = 16 * 1024 * 1024
READ_BYTES: Final = 64 * 1024

_VERSIONED = re.compile(r"/v(\d+)(?:\.(\d+))?(/.*)")
_UNCLEAN: Final = re.compile(r"//|/\.{1,2}(/|$)")
_ORIGIN = re.compile(r"https?://[^/]*", re.IGNORECASE)
# Of what names of headers consist (RFC 9110, section 5.6.2), and what their values have none of.
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CONTROL: Final = frozenset(map(chr, (*range(9), *range(10, 32), 127)))
_FALSE: Final = frozenset({"", "0", "no", "false", "none"})

Version = tuple[int, int]


def version_of(text: str) -> Version:
    """`1.51` as numbers that compare."""
    major, _, minor = text.partition(".")
    return int(major), int(minor)


NEWEST: Final = version_of(API_VERSION)
OLDEST: Final = version_of(MIN_API_VERSION)


class Query:
    """The parameters of a request."""

    __slots__ = ("_values",)

    def __init__(self, text: str = "") -> None:
        values: dict[str, list[str]] = {}
        if text:
            for name, value in parse_qsl(text, keep_blank_values=True):
                values.setdefault(name, []).append(value)
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """The first value of `name`."""
        values = self._values.get(name)
        return values[0] if values else default

    def texts(self, name: str) -> list[str]:
        """Every value of `name`."""
        return self._values.get(name, [])

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean as Docker reads it: everything but `0`, `no`, `false`, `none` and nothing is true."""
        values = self._values.get(name)
        return values[0].strip().lower() not in _FALSE if values else default

    def number(self, name: str) -> int | None:
        """A whole number, None if it is absent or empty. Raises `BadRequest`."""
        text = self.text(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError as exc:
            raise BadRequest(f"invalid value {text!r} of parameter {name}", hint="use a whole number") from exc


class Target(Struct, frozen=True):
    """What a request asks for: the decoded path without its version prefix."""

    path: str
    query: Query
    version: Version


def cleaned_target(target: str) -> str:
    """The target whose path has no `.`, `..` and doubled slashes, as Docker's router redirects to; "" if it is that
    already. Pure.
    """
    path, mark, query = target.partition("?")
    decoded = unquote(path)
    if not decoded.startswith("/") or not _UNCLEAN.search(decoded):
        return ""
    clean = "/" + posixpath.normpath(decoded).lstrip("/")
    if decoded.endswith("/") and clean != "/":
        clean += "/"
    return f"{quote(clean)}{mark}{query}" if clean != decoded else ""


def parse_target(target: str) -> Target:
    """Take a request's target apart; a whole URL, as proxies are sent, counts by its path. Raises `BadRequest` for an
    API version that is not spoken here.
    """
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        path = _ORIGIN.sub("", path)
    match = _VERSIONED.fullmatch(path)
    if match is None:
        return Target(unquote(path), Query(query), NEWEST)
    version = (int(match[1]), int(match[2] or 0))
    named = f"client version {match[1]}" + (f".{match[2]}" if match[2] else "")
    if version > NEWEST:
        raise BadRequest(f"{named} is too new. Maximum supported API version is {API_VERSION}")
    if version < OLDEST:
        raise BadRequest(
            f"{named} is too old. Minimum supported API version is {MIN_API_VERSION}, "
            "please upgrade your client to a newer version"
        )
    return Target(unquote(match[3]), Query(query), version)


Value = str | int | bool | tuple[str, ...] | None


def format_target(path: str, parameters: Mapping[str, Value], version: str = "") -> str:
    """A request's target. `path` is quoted already (see `quoted`); None, False and "" are left out, and a parameter
    with a tuple is repeated.
    """
    query = urlencode(
        [
            (name, _parameter(item))
            for name, value in parameters.items()
            for item in (value if isinstance(value, tuple) else (value,))
            if _is_set(item)
        ]
    )
    prefix = f"/v{version}" if version else ""
    return f"{prefix}{path}?{query}" if query else f"{prefix}{path}"


def request_head(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """The head of a request. Raises `BadRequest` for what would be read as something else, such as another header."""
    if not (target and target.isascii() and target.isprintable() and " " not in target):
        raise BadRequest(f"this cannot be asked for: {target!r}")
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers:
        if not (name and _TOKEN.issuperset(name) and _CONTROL.isdisjoint(value)):
            raise BadRequest(f"the header {name!r} cannot be sent with the value that it has")
        lines.append(f"{name}: {value}")
    try:
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1")
    except UnicodeEncodeError as exc:
        raise BadRequest(f"a header cannot be sent: {exc.object[exc.start : exc.end]!r} is in none of HTTP's") from exc


def quoted(name: str) -> str:
    """A name as a part of a path; the slashes of image names stay."""
    return quote(name, safe="/:@")


def header_texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; of a repeated one the last counts."""
    return {name.decode("ascii"): value.decode("latin-1") for name, value in headers}


def wants_upgrade(headers: Mapping[str, str]) -> bool:
    """Whether the client asks to take the connection over (`Upgrade: tcp`)."""
    return headers.get("upgrade", "").lower() == "tcp" and "upgrade" in headers.get("connection", "").lower()


def check_json_type(headers: Mapping[str, str]) -> None:
    """A body that is read as JSON has to say that it is, as with Docker. Raises `BadRequest`."""
    given = headers.get("content-type", "")
    if not given:
        raise BadRequest("malformed Content-Type header (): mime: no media type")
    if given.partition(";")[0].strip().lower() != JSON:
        raise BadRequest(f"unsupported Content-Type header ({given}): must be '{JSON}'")


def stdio_content_type(version: Version, *, is_tty: bool) -> str:
    """The media type of a log or attach stream; before API 1.42 there was one for both kinds."""
    return RAW_STREAM if is_tty or version < (1, 42) else MULTIPLEXED_STREAM


def _is_set(value: str | int | bool | None) -> bool:
    return value is not None and value is not False and value != ""


def _parameter(value: str | int | bool | None) -> str:
    return "1" if value is True else str(value)
