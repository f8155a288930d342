"""What one engine is told at its start."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import BadRequest
from engine.state.paths import Paths

SYSTEM_REGISTRIES = Path("/etc/pycompose/registries.toml")
DOCKER_SETTINGS = Path("/etc/docker/daemon.json")
# Docker's convention: a directory per registry, named by its host.
TRUST_DIRECTORIES = (Path("/etc/docker/certs.d"), Path("/etc/pycompose/certs.d"))


@dataclass(frozen=True, slots=True)
class Settings:
    """What `serve` is given. `proxies` are for registries, by the names of their variables (`HTTPS_PROXY`, …).

    `ready_descriptor` gets one line when the API answers; `idle_seconds` without clients and
    containers end it.
    """

    paths: Paths
    registry_files: tuple[Path, ...]
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    proxies: Mapping[str, str] = field(default_factory=dict[str, str])
    ready_descriptor: int | None = None
    idle_seconds: float = math.inf


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


def registry_files(paths: Paths, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that name mirrors and trust, later ones over earlier ones. Docker's own counts least."""
    chosen = environment.get("PYCOMPOSE_REGISTRIES")
    return (Path(chosen),) if chosen else (DOCKER_SETTINGS, SYSTEM_REGISTRIES, paths.root / "registries.toml")


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
