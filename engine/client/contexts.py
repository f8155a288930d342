"""Which engine somebody's environment names, as Docker's command line finds it: variables, then a context.

A context is `contexts/meta/HASH/meta.json` in Docker's configuration directory, HASH being the SHA-256 of its name;
its certificates are in `contexts/tls/HASH/docker`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from engine.client.errors import EngineUnreachable
from engine.client.targets import Certificates, Target
from engine.wire.typed import from_json

_DEFAULT: Final = "default"


class _Endpoint(msgspec.Struct, rename="pascal"):
    host: str = ""
    skip_tls_verify: bool = msgspec.field(name="SkipTLSVerify", default=False)


class _Meta(msgspec.Struct):
    endpoints: dict[str, _Endpoint] = msgspec.field(name="Endpoints", default={})


class _Settings(msgspec.Struct):
    current: str = msgspec.field(name="currentContext", default="")
    headers: dict[str, str] = msgspec.field(name="HttpHeaders", default={})


def find_target(host: str, environment: Mapping[str, str]) -> Target | None:
    """The engine that `host`, `DOCKER_HOST`, `DOCKER_CONTEXT` or Docker's configuration names, in this order.

    None if nobody names one. Raises `EngineUnreachable` for a context that is not there or cannot be read.
    """
    directory = docker_directory(environment)
    if address := host or environment.get("DOCKER_HOST", ""):
        return Target(address, _from_environment(address, environment, directory))
    name = environment.get("DOCKER_CONTEXT") or _settings(directory).current
    return None if name in ("", _DEFAULT) else _context(name, directory / "contexts")


def http_headers(environment: Mapping[str, str]) -> Mapping[str, str]:
    """What the user wants sent along with every request, from Docker's configuration."""
    return _settings(docker_directory(environment)).headers


def docker_directory(environment: Mapping[str, str]) -> Path:
    """Where Docker's command line keeps its settings."""
    return Path(environment.get("DOCKER_CONFIG") or f"{environment.get('HOME') or '/'}/.docker")


def _from_environment(address: str, environment: Mapping[str, str], directory: Path) -> Certificates | None:
    is_verified = bool(environment.get("DOCKER_TLS_VERIFY"))
    if not address.startswith("tcp://") or not (is_verified or environment.get("DOCKER_TLS")):
        return None
    return _certificates(Path(environment.get("DOCKER_CERT_PATH") or directory), is_verified=is_verified)


def _settings(directory: Path) -> _Settings:
    try:
        return from_json((directory / "config.json").read_bytes(), _Settings)
    except (OSError, msgspec.DecodeError):
        return _Settings()  # whoever needs that file's credentials will say what is wrong with it


def _context(name: str, contexts: Path) -> Target:
    import hashlib  # with OpenSSL behind it: contexts are rare

    identity = hashlib.sha256(name.encode()).hexdigest()
    file = contexts / "meta" / identity / "meta.json"
    try:
        endpoint = from_json(file.read_bytes(), _Meta).endpoints["docker"]
    except FileNotFoundError:
        raise EngineUnreachable(
            name, f"there is no context of this name (docker context ls); looked for {file}"
        ) from None
    except (OSError, msgspec.DecodeError, KeyError) as exc:
        raise EngineUnreachable(name, f"the context cannot be used: {file}: {exc}") from exc
    found = _certificates(contexts / "tls" / identity / "docker", is_verified=not endpoint.skip_tls_verify)
    uses_tls = found.authority or found.certificate or endpoint.skip_tls_verify
    return Target(endpoint.host, found if uses_tls and endpoint.host.startswith("tcp://") else None)


def _certificates(directory: Path, *, is_verified: bool) -> Certificates:
    authority, certificate, key = (
        path if (path := directory / f"{name}.pem").exists() else None for name in ("ca", "cert", "key")
    )
    return Certificates(authority, certificate, key, is_verified=is_verified)
