"""Credentials as clients send them along: `X-Registry-Auth` for one registry, `X-Registry-Config` for many.

They are used for the request that brings them and kept nowhere.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TypeVar

from engine.errors import BadRequest
from engine.wire.codec import decode
from engine.wire.images import AuthConfig

T = TypeVar("T")


def registry_auth(headers: Mapping[str, str]) -> AuthConfig | None:
    """The credentials of an `X-Registry-Auth` header; what cannot be read counts as none, as in Docker."""
    auth = _decoded(headers.get("x-registry-auth", ""), AuthConfig)
    return auth if auth != AuthConfig() else None


def registry_config(headers: Mapping[str, str]) -> dict[str, AuthConfig]:
    """The credentials of an `X-Registry-Config` header, by registry as the client writes it: a host, or the
    `https://index.docker.io/v1/` of old (see `engine.registry.login.registry_of`).
    """
    return _decoded(headers.get("x-registry-config", ""), dict[str, AuthConfig]) or {}


def _decoded(header: str, kind: type[T]) -> T | None:
    try:
        padded = header + "=" * (-len(header) % 4)
        return decode(base64.urlsafe_b64decode(padded.encode()), kind)
    except (binascii.Error, UnicodeEncodeError, BadRequest):
        return None
