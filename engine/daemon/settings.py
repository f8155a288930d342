"""What one engine is told at its start: by options, the environment and its settings file, in this order."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from engine.containers.making.defaults import BUILT_IN, ContainerDefaults
from engine.daemon.configuration import CONFIGURATION, Configuration, check_labels, read_configuration
from engine.daemon.directives import default_network_of, defaults_of, log_what_means_nothing, runtimes_of
from engine.daemon.doors import Certificates, Doors
from engine.errors import BadRequest
from engine.network.planning.default_bridge import NO_WISHES, DefaultBridge
from engine.network.planning.ipam import DEFAULT_POOLS, Pool, checked_pool
from engine.registry.settings import (
    DOCKER_SETTINGS,
    SYSTEM_REGISTRIES,
    TRUST_DIRECTORIES,
    RegistrySettings,
    settings_files,
)
from engine.state.paths import Paths

_CREDENTIALS: Final = re.compile(r"//[^/@]*@")
LOG_LEVELS: Final = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR", "fatal": "CRITICAL"}


class Options(Struct, frozen=True):
    """The command line. None and () are "not given"."""

    state_dir: Path | None = None
    run_dir: Path | None = None
    config_file: Path | None = None
    hosts: tuple[str, ...] = ()
    group: str = ""
    tlsverify: bool = False
    tlscacert: Path | None = None
    tlscert: Path | None = None
    tlskey: Path | None = None
    insecure_loopback: bool = False
    labels: tuple[str, ...] = ()
    log_level: str = ""
    debug: bool = False
    mirrors: tuple[str, ...] = ()
    idle_seconds: float | None = None
    ready_descriptor: int | None = None


class Reloadable(Struct, frozen=True):
    """What a running engine takes up anew at SIGHUP. `proxies` by the names of their variables."""

    labels: tuple[str, ...]
    log_level: str
    proxies: Mapping[str, str]
    registries: RegistrySettings
    defaults: ContainerDefaults = BUILT_IN
    runtimes: Mapping[str, Path] = field(default_factory=dict[str, Path])
    default_runtime: str = ""

    @property
    def shown_proxies(self) -> dict[str, str]:
        """The proxies without names and passwords, as everybody may see them."""
        return {name: _CREDENTIALS.sub("//xxxxx:xxxxx@", url) for name, url in self.proxies.items()}

    @property
    def is_debugging(self) -> bool:
        """Whether every step is logged."""
        return self.log_level == "DEBUG"


class Settings(Struct, frozen=True):
    """What `serve` is given. `ready_descriptor` gets one line when the API answers; `idle_seconds` without clients and
    containers end it. `experimental` is None where the file does not say. `options` and `environment` are where
    everything came from, to be read again.
    """

    options: Options
    environment: Mapping[str, str]
    paths: Paths
    doors: Doors
    reloadable: Reloadable
    ready_descriptor: int | None = None
    idle_seconds: float = math.inf
    address_pools: tuple[Pool, ...] = DEFAULT_POOLS
    default_network: DefaultBridge = NO_WISHES
    experimental: bool | None = None


def settings_of(options: Options, environment: Mapping[str, str]) -> Settings:
    """Put options, environment and files together. Raises `BadRequest`, `InvalidSettings`."""
    configuration = _configuration(options, environment)
    defaults = default_paths(environment)
    paths = Paths(
        root=(options.state_dir or _path(configuration.data_root) or defaults.root).absolute(),
        run=(options.run_dir or _path(configuration.exec_root) or defaults.run).absolute(),
    )
    return Settings(
        options=options,
        environment=environment,
        paths=paths,
        doors=_doors(options, configuration, environment),
        reloadable=_reloadable(options, configuration, environment, paths),
        ready_descriptor=options.ready_descriptor,
        idle_seconds=math.inf if options.idle_seconds is None else options.idle_seconds,
        address_pools=_address_pools(configuration),
        default_network=default_network_of(configuration),
        experimental=configuration.experimental,
    )


def read_again(settings: Settings) -> Reloadable:
    """What the files say now. Raises `BadRequest`, `InvalidSettings`."""
    configuration = _configuration(settings.options, settings.environment)
    return _reloadable(settings.options, configuration, settings.environment, settings.paths)


def configuration_file(options: Options, environment: Mapping[str, str]) -> Path:
    """The settings file."""
    return options.config_file or _path(environment.get("PYCOMPOSE_DAEMON_CONFIG", "")) or CONFIGURATION


def default_paths(environment: Mapping[str, str]) -> Paths:
    """Where the engine lives when nobody says otherwise (root: /var/lib and /run; others: their XDG directories)."""
    if os.geteuid() == 0:
        root, run = Path("/var/lib/pycompose"), Path("/run/pycompose")
    else:
        home = Path(environment.get("HOME", "/nonexistent"))
        root = Path(environment.get("XDG_DATA_HOME") or home / ".local/share") / "pycompose"
        run = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}") / "pycompose"
    return Paths(
        root=Path(environment.get("PYCOMPOSE_STATE_DIR") or root),
        run=Path(environment.get("PYCOMPOSE_RUN_DIR") or run),
    )


def registry_files(
    paths: Paths, environment: Mapping[str, str], configuration: Path = CONFIGURATION
) -> tuple[Path, ...]:
    """The files that name mirrors and trust, later ones over earlier ones. Docker's own counts least.

    Raises `InvalidSettings` if a file is chosen that does not exist.
    """
    usual = (DOCKER_SETTINGS, configuration, SYSTEM_REGISTRIES, paths.root / "registries.toml")
    return settings_files(environment, *usual)


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxy variables, in either case."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: value for name in names if (value := environment.get(name) or environment.get(name.lower()))}


def parse_mirrors(options: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`REGISTRY=URL` options by registry, in the order given. Raises `BadRequest`."""
    mirrors: dict[str, tuple[str, ...]] = {}
    for option in options:
        registry, separator, url = option.partition("=")
        if not separator or "://" not in url:
            raise BadRequest(
                f"invalid registry mirror {option!r}", hint="write it as docker.io=https://mirror.example.org"
            )
        mirrors[registry] = (*mirrors.get(registry, ()), url)
    return mirrors


def _configuration(options: Options, environment: Mapping[str, str]) -> Configuration:
    return read_configuration(configuration_file(options, environment), must_exist=options.config_file is not None)


def _reloadable(
    options: Options, configuration: Configuration, environment: Mapping[str, str], paths: Paths
) -> Reloadable:
    labels = [*configuration.labels, *options.labels]
    check_labels("--label", labels)
    log_what_means_nothing(configuration)
    through = {**proxies(environment), **configuration.proxies.variables()}
    files = registry_files(paths, environment, configuration_file(options, environment))
    registries = RegistrySettings.load(files).with_mirrors(parse_mirrors(options.mirrors)).with_proxies(through)
    return Reloadable(
        labels=tuple(labels),
        log_level=_log_level(options, configuration),
        proxies=through,
        registries=registries.with_trust(TRUST_DIRECTORIES),
        defaults=defaults_of(configuration),
        runtimes=runtimes_of(configuration),
        default_runtime=configuration.default_runtime,
    )


def _address_pools(configuration: Configuration) -> tuple[Pool, ...]:
    """Pools that were chosen stand in for the built-in ones of their IP version. Raises `BadRequest`."""
    chosen = tuple(checked_pool(pool.base, pool.size) for pool in configuration.default_address_pools)
    versions = {pool.base.version for pool in chosen}
    return (*chosen, *(pool for pool in DEFAULT_POOLS if pool.base.version not in versions))


def _log_level(options: Options, configuration: Configuration) -> str:
    name = options.log_level or configuration.log_level or "info"
    if name not in LOG_LEVELS:
        raise BadRequest(f"invalid logging level: {name}", hint=f"use one of {', '.join(LOG_LEVELS)}")
    return "DEBUG" if options.debug or configuration.debug else LOG_LEVELS[name]


def _doors(options: Options, configuration: Configuration, environment: Mapping[str, str]) -> Doors:
    given = {name: value for name, value in environment.items() if name.startswith("LISTEN_")}
    return Doors(
        hosts=options.hosts or tuple(configuration.hosts),
        group=options.group or configuration.group,
        certificates=_certificates(options, configuration, environment),
        allows_plain_loopback=options.insecure_loopback,
        inherited=given,
    )


def _certificates(
    options: Options, configuration: Configuration, environment: Mapping[str, str]
) -> Certificates | None:
    """Certificates if clients are to show theirs; missing names are those that Docker looks for."""
    if not (options.tlsverify or configuration.tlsverify):
        return None
    home = Path(environment.get("DOCKER_CERT_PATH") or Path(environment.get("HOME", "/")) / ".docker")
    return Certificates(
        authority=options.tlscacert or _path(configuration.tlscacert) or home / "ca.pem",
        certificate=options.tlscert or _path(configuration.tlscert) or home / "cert.pem",
        key=options.tlskey or _path(configuration.tlskey) or home / "key.pem",
    )


def _path(text: str) -> Path | None:
    return Path(text) if text else None
