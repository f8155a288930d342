"""The parts of one engine, put together."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Final

from engine.api.identity import Identity
from engine.api.services import Services
from engine.api.system import System
from engine.builder.service import Builder
from engine.buildkit.door import Door, Facts
from engine.containers.drivers import Drivers
from engine.containers.service import ContainerService
from engine.daemon.identity import engine_id
from engine.daemon.settings import Settings
from engine.errors import BadRequest
from engine.events.bus import EventBus
from engine.images.store import ImageService
from engine.network.records import DEFAULT_NETWORK
from engine.network.service import NetworkService
from engine.runtime.runtime import Runtime
from engine.state.store import Store
from engine.storage.snapshots import Snapshots
from engine.volumes.service import VolumeService

# The next container often comes within seconds (`docker run --rm` in a loop), and making all that takes as long as it.
_LINGER_SECONDS: Final = "5"


def identity_of(settings: Settings, *, version: str) -> Identity:
    """What the engine says of itself."""
    told = settings.reloadable
    return Identity(
        version=version,
        engine_id=engine_id(settings.paths.identity),
        labels=told.labels,
        proxies=told.shown_proxies,
        is_debugging=told.is_debugging,
        logging_driver=told.defaults.log.type,
        cgroupns_mode=told.defaults.cgroupns_mode,
        warnings=tuple(settings.doors.warnings()),
        # Without a word in the settings, where there may be checkpoints: what they still lack is told when one is made.
        is_experimental=shutil.which("criu") is not None if settings.experimental is None else settings.experimental,
        forbids_experiments=settings.experimental is False,
    )


def put_together(settings: Settings, store: Store, runtime: Runtime, events: EventBus, identity: Identity) -> Services:
    """Every service with the others that it needs."""
    paths = settings.paths
    images = ImageService(paths, store, events, settings.reloadable.registries)
    volumes = VolumeService(paths, store, events)
    networks = NetworkService(
        paths,
        store,
        events,
        pools=settings.address_pools,
        default=settings.default_network,
        linger_seconds=_linger_seconds(settings.environment),
    )
    drivers = Drivers(paths, events, images, Snapshots(paths), volumes, networks, runtime)
    builder = Builder(paths, store, images, drivers)
    containers = ContainerService(store, drivers)
    runtime.use_runtimes(settings.reloadable.runtimes, settings.reloadable.default_runtime)
    containers.use_defaults(settings.reloadable.defaults)
    system = System(
        paths=paths, containers=containers, images=images, events=events, identity=identity, runtimes=runtime.runtimes
    )

    def told() -> Facts:
        gateways = [pool.gateway for pool in networks.inspect(networks.get(DEFAULT_NETWORK)).ipam.config or ()]
        return Facts(engine_id=identity.engine_id, version=system.version_text, gateway=gateways[0] if gateways else "")

    return Services(
        containers=containers,
        images=images,
        builder=builder,
        buildkit=Door(builder, images, told),
        networks=networks,
        volumes=volumes,
        events=events,
        system=system,
    )


def _linger_seconds(environment: Mapping[str, str]) -> float:
    """How long the default network's bridge stays after its last container. Raises `BadRequest`."""
    text = environment.get("PYCOMPOSE_LINGER_SECONDS") or _LINGER_SECONDS
    if not text.replace(".", "", 1).isdecimal():
        raise BadRequest(f"PYCOMPOSE_LINGER_SECONDS={text}: not a number of seconds")
    return float(text)
