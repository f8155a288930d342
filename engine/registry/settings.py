"""What a machine's owner says about registries: mirrors, plain-http ones, extra CAs, proxies. Read from TOML.

[registry."docker.io"]
mirrors = ["http://127.0.0.1:5000"]     # tried in order, before the registry itself

[registry."registry.lan:5000"]
insecure = true                         # plain http, or https whose certificate nobody vouches for
ca = "/etc/ssl/lan.pem"                 # or: a CA file trusted besides the system's
cert = "/etc/ssl/me.pem"                # a certificate by which we show who we are, and its key
key = "/etc/ssl/me.key"

A file that ends in `.json` is Docker's daemon.json, of which `registry-mirrors` and `insecure-registries` count,
and the limits of `limits.py`.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from engine.errors import EngineError
from engine.registry.limits import Limits, limits_in
from engine.registry.reference import DEFAULT_REGISTRY

DOCKER_SETTINGS: Final = Path("/etc/docker/daemon.json")
SYSTEM_REGISTRIES: Final = Path("/etc/pycompose/registries.toml")
# Docker's convention: a directory per registry, named by its host.
TRUST_DIRECTORIES: Final = (Path("/etc/docker/certs.d"), Path("/etc/pycompose/certs.d"))

_KEYS: Final = frozenset({"mirrors", "insecure", "ca", "cert", "key"})
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class InvalidSettings(EngineError):
    """A settings file that cannot be used; the message names the file and the key."""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


def settings_files(environment: Mapping[str, str], *usual: Path) -> tuple[Path, ...]:
    """The one that `PYCOMPOSE_REGISTRIES` names, else the usual ones, which may be missing.

    Raises `InvalidSettings` if it names nothing: without its mirrors, images would come from elsewhere.
    """
    chosen = environment.get("PYCOMPOSE_REGISTRIES")
    if not chosen:
        return usual
    if not Path(chosen).exists():
        raise InvalidSettings(f"PYCOMPOSE_REGISTRIES names {chosen}, which does not exist")
    return (Path(chosen),)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ClientCertificate(Struct, frozen=True):
    """A certificate and its key, as PEM files; without `key` the first has both."""

    certificate: Path
    key: Path | None = None


class RegistrySettings(Struct, frozen=True):
    """Mirrors by registry host, hosts and networks whose transport is not verified, certificates and proxies.

    `trust_directories` have directories named by host, of CAs (`*.crt`) and client certificates (`*.cert`, `*.key`),
    as /etc/docker/certs.d has. `proxies` maps `http` and `https` to a proxy URL; `direct` are hosts and domains reached
    without it. `limits` come from daemon.json alone.
    """

    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    insecure: frozenset[str] = frozenset()
    insecure_networks: tuple[_Network, ...] = ()
    authorities: Mapping[str, Path] = field(default_factory=_nothing)
    certificates: Mapping[str, ClientCertificate] = field(default_factory=_nothing)
    trust_directories: tuple[Path, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=_nothing)
    direct: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def load(cls, files: Sequence[Path]) -> RegistrySettings:
        """Read the files, later ones over earlier ones; missing files are fine. Raises `InvalidSettings`."""
        settings = cls()
        for file in files:
            is_docker = file.suffix == ".json"
            try:
                text = file.read_text("utf-8")
                document = msgspec.json.decode(text or "{}") if is_docker else tomllib.loads(text)
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError) as exc:
                raise InvalidSettings(f"{file}: {exc}") from exc
            settings = _merge_docker(settings, file, document) if is_docker else _merge(settings, file, document)
        return settings

    def is_insecure(self, registry: str) -> bool:
        """Whether plain http may be spoken with a registry (`host` or `host:port`)."""
        host = registry.rpartition(":")[0] if registry.rpartition(":")[2].isdecimal() else registry
        return is_loopback(host.strip("[]")) or self.is_unverified(registry, host)

    def is_unverified(self, *names: str) -> bool:
        """Whether the owner vouches for a registry, given with and without its port, whatever its certificate says."""
        return any(name in self.insecure or self._is_in_network(name) for name in names)

    def _is_in_network(self, name: str) -> bool:
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return any(address in network for network in self.insecure_networks)

    def with_mirrors(self, more: Mapping[str, tuple[str, ...]]) -> RegistrySettings:
        """The same settings with the mirrors of these registries replaced."""
        for registry, urls in more.items():
            for url in urls:
                _check_url(url, f"mirror of {registry}")
        return replace(self, mirrors=MappingProxyType({**self.mirrors, **more}))

    def with_trust(self, directories: tuple[Path, ...]) -> RegistrySettings:
        """The same settings with other `trust_directories`."""
        return replace(self, trust_directories=directories)

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
    certificates = dict(settings.certificates)
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
        if "cert" in table:
            key = Path(_text(table["key"], f"{where}.key")) if "key" in table else None
            certificates[host] = ClientCertificate(Path(_text(table["cert"], f"{where}.cert")), key)
        elif "key" in table:
            raise InvalidSettings(f"{where}.key: there is no `cert` that it could belong to")
    return replace(
        settings,
        mirrors=MappingProxyType(mirrors),
        insecure=frozenset(insecure),
        authorities=MappingProxyType(authorities),
        certificates=MappingProxyType(certificates),
    )


def _merge_docker(settings: RegistrySettings, file: Path, document: object) -> RegistrySettings:
    """Docker's own file: what else it says is for other parts of an engine, and none of our business."""
    if not isinstance(document, dict):
        raise InvalidSettings(f"{file}: expected an object")
    mirrors, insecure, networks = dict(settings.mirrors), set(settings.insecure), list(settings.insecure_networks)
    if found := _urls(document.get("registry-mirrors", []), f"{file}: registry-mirrors"):
        mirrors[DEFAULT_REGISTRY] = found
    where = f"{file}: insecure-registries"
    for entry in _texts(document.get("insecure-registries", []), where):
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            insecure.add(entry.partition("://")[2] or entry)
    return replace(
        settings,
        mirrors=MappingProxyType(mirrors),
        insecure=frozenset(insecure),
        insecure_networks=tuple(networks),
        limits=_limits(settings.limits, file, document),
    )


def _limits(before: Limits, file: Path, document: Mapping[str, Any]) -> Limits:
    try:
        return limits_in(document, before)
    except ValueError as exc:
        raise InvalidSettings(f"{file}: {exc}") from None


def _claim(hosts: set[str], host: str, value: object, where: str) -> None:
    if not isinstance(value, bool):
        raise InvalidSettings(f"{where}: expected true or false")
    if value:
        hosts.add(host)
    else:
        hosts.discard(host)


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidSettings(f"{where}: expected a list")
    return tuple(_text(item, where) for item in value)


def _urls(value: object, where: str) -> tuple[str, ...]:
    urls = _texts(value, where)
    for url in urls:
        _check_url(url, where)
    return urls


def _check_url(url: str, where: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        host = parts.hostname if "@" in parts.netloc else ""
    except ValueError:
        usable, host = False, ""
    if host:
        # Not shown, for it may be a secret.
        raise InvalidSettings(
            f"{where}: a URL of {host} has a user name in it",
            hint="mirrors are asked without credentials; leave it out",
        )
    if not usable:
        raise InvalidSettings(
            f"{where}: {url!r} is not an http(s) URL", hint='write it as "https://mirror.example:5000"'
        )


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidSettings(f"{where}: expected text")
    return value
