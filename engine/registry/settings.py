"""What a machine's owner says about registries: mirrors, plain-http ones, extra CAs, proxies. Read from TOML.

[registry."docker.io"]
mirrors = ["http://127.0.0.1:5000"]     # tried in order, before the registry itself

[registry."registry.lan:5000"]
insecure = true                         # plain http, or https whose certificate nobody vouches for
ca = "/etc/ssl/lan.pem"                 # or: a CA file trusted besides the system's
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from engine.errors import EngineError

_KEYS: Final = frozenset({"mirrors", "insecure", "ca"})


class InvalidSettings(EngineError):
    """A settings file that cannot be used; the message names the file and the key."""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """Mirrors by registry host, hosts whose transport is not verified, CA files and proxies.

    `proxies` maps `http` and `https` to a proxy URL; `direct` are hosts and domains reached without it.
    """

    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    insecure: frozenset[str] = frozenset()
    authorities: Mapping[str, Path] = field(default_factory=_nothing)
    proxies: Mapping[str, str] = field(default_factory=_nothing)
    direct: tuple[str, ...] = ()

    @classmethod
    def load(cls, files: Sequence[Path]) -> RegistrySettings:
        """Read TOML files, later ones over earlier ones; missing files are fine. Raises `InvalidSettings`."""
        settings = cls()
        for file in files:
            try:
                document = tomllib.loads(file.read_text("utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
                raise InvalidSettings(f"{file}: {exc}") from exc
            settings = _merge(settings, file, document)
        return settings

    def with_mirrors(self, more: Mapping[str, tuple[str, ...]]) -> RegistrySettings:
        """The same settings with the mirrors of these registries replaced."""
        for registry, urls in more.items():
            for url in urls:
                _check_url(url, f"mirror of {registry}")
        return replace(self, mirrors=MappingProxyType({**self.mirrors, **more}))

    def with_proxies(self, environment: Mapping[str, str]) -> RegistrySettings:
        """The same settings with the proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name."""

        def value(name: str) -> str:
            return environment.get(name) or environment.get(name.lower()) or ""

        proxies = {scheme: url for scheme in ("http", "https") if (url := value(f"{scheme.upper()}_PROXY"))}
        direct = tuple(name.strip() for name in value("NO_PROXY").split(",") if name.strip())
        return replace(self, proxies=MappingProxyType(proxies), direct=direct)


def _merge(settings: RegistrySettings, file: Path, document: Mapping[str, Any]) -> RegistrySettings:
    registries = document.get("registry", {})
    if not isinstance(registries, dict):
        raise InvalidSettings(f"{file}: registry: expected a table per registry")
    mirrors, insecure, authorities = dict(settings.mirrors), set(settings.insecure), dict(settings.authorities)
    for host, table in registries.items():
        where = f'{file}: registry."{host}"'
        if not isinstance(table, dict):
            raise InvalidSettings(f"{where}: expected a table")
        if unknown := sorted(set(table) - _KEYS):
            raise InvalidSettings(f"{where}.{unknown[0]}: unknown key", hint=f"known keys: {', '.join(sorted(_KEYS))}")
        if "mirrors" in table:
            mirrors[host] = _urls(table["mirrors"], f"{where}.mirrors")
        if "insecure" in table:
            _claim(insecure, host, table["insecure"], f"{where}.insecure")
        if "ca" in table:
            authorities[host] = Path(_text(table["ca"], f"{where}.ca"))
    return replace(
        settings,
        mirrors=MappingProxyType(mirrors),
        insecure=frozenset(insecure),
        authorities=MappingProxyType(authorities),
    )


def _claim(hosts: set[str], host: str, value: object, where: str) -> None:
    if not isinstance(value, bool):
        raise InvalidSettings(f"{where}: expected true or false")
    if value:
        hosts.add(host)
    else:
        hosts.discard(host)


def _urls(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidSettings(f"{where}: expected a list of URLs")
    urls = tuple(_text(item, where) for item in value)
    for url in urls:
        _check_url(url, where)
    return urls


def _check_url(url: str, where: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSettings(
            f"{where}: {url!r} is not an http(s) URL", hint='write it as "https://mirror.example:5000"'
        )


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidSettings(f"{where}: expected text")
    return value
