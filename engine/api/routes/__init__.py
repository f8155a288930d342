"""The Engine API's endpoints, one file per noun."""

from __future__ import annotations

from engine.api.routes import (
    archives,
    build,
    buildkit,
    checkpoints,
    containers,
    events,
    execs,
    files,
    images,
    networks,
    plugins,
    snapshots,
    stdio,
    swarm,
    system,
    usage,
    volumes,
)

ROUTES = (
    *system.ROUTES,
    *events.ROUTES,
    *usage.ROUTES,
    *checkpoints.ROUTES,
    *containers.ROUTES,
    *stdio.ROUTES,
    *execs.ROUTES,
    *files.ROUTES,
    *snapshots.ROUTES,
    *archives.ROUTES,
    *images.ROUTES,
    *build.ROUTES,
    *buildkit.ROUTES,
    *networks.ROUTES,
    *volumes.ROUTES,
    *plugins.ROUTES,
    *swarm.ROUTES,
)
