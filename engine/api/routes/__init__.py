"""The Engine API's endpoints, one file per noun."""

from __future__ import annotations

from engine.api.routes import (
    archives,
    build,
    containers,
    execs,
    files,
    images,
    networks,
    snapshots,
    stdio,
    system,
    volumes,
)

ROUTES = (
    *system.ROUTES,
    *containers.ROUTES,
    *stdio.ROUTES,
    *execs.ROUTES,
    *files.ROUTES,
    *snapshots.ROUTES,
    *archives.ROUTES,
    *images.ROUTES,
    *build.ROUTES,
    *networks.ROUTES,
    *volumes.ROUTES,
)
