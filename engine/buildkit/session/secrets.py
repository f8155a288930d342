"""Secrets and credentials of a build's client, asked for by name."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from engine.buildkit.messages.session_pb2 import (
    CredentialsRequest,
    CredentialsResponse,
    GetSecretRequest,
    GetSecretResponse,
)
from engine.buildkit.transport.calls import Client
from engine.buildkit.transport.status import CallFailed, Code
from engine.wire.images import AuthConfig

log = logging.getLogger(__name__)

_SECRET: Final = "/moby.buildkit.secrets.v1.Secrets/GetSecret"
_CREDENTIALS: Final = "/moby.filesync.v1.Auth/Credentials"
# Clients keep the credentials of Docker Hub under this name.
_HUB: Final = "registry-1.docker.io"
_ABSENT: Final = (Code.NOT_FOUND, Code.UNIMPLEMENTED)


async def secrets(client: Client, names: Iterable[str]) -> dict[str, bytes]:
    """Those of the secrets that the client has. Raises `CallFailed` for one that it cannot read."""
    found: dict[str, bytes] = {}
    for name in sorted(set(names)):
        try:
            answer = await client.unary(_SECRET, GetSecretRequest(id=name), GetSecretResponse)
        except CallFailed as exc:
            if exc.code not in _ABSENT:
                raise
            log.debug("the client has no secret %s", name)
        else:
            found[name] = answer.data
    return found


async def credentials(client: Client, registries: Iterable[str]) -> dict[str, AuthConfig]:
    """What the client logs in to registries with, as far as it does."""
    found: dict[str, AuthConfig] = {}
    for registry in sorted(set(registries)):
        request = CredentialsRequest(host=_HUB if registry == "docker.io" else registry)
        try:
            answer = await client.unary(_CREDENTIALS, request, CredentialsResponse)
        except CallFailed as exc:
            if exc.code not in _ABSENT:
                raise
            continue
        if not answer.secret:
            continue
        if answer.username:
            found[registry] = AuthConfig(username=answer.username, password=answer.secret)
        else:
            found[registry] = AuthConfig(identitytoken=answer.secret)
    return found
