"""The parts of one engine, put together."""

from __future__ import annotations

from engine.api.identity import Identity
from engine.api.services import Services
from engine.api.system import System
from engine.builder.service import Builder
from engine.containers.drivers import Drivers
from engine.containers.service import ContainerService
from engine.daemon.identity import engine_id
from engine.daemon.settings import Settings
from engine.events.bus import EventBus
from engine.images.store import ImageService
from engine.network.service import NetworkService
from engine.runtime.runtime import Runtime
from engine.state.store import Store
from engine.storage.snapshots import Snapshots
from engine.volumes.service import VolumeService


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
        warnings=tuple(settings.doors.warnings()),
    )


def put_together(settings: Settings, store: Store, runtime: Runtime, events: EventBus, identity: Identity) -> Services:
    """Every service with the others that it needs."""
    paths = settings.paths
    images = ImageService(paths, store, events, settings.reloadable.registries)
    volumes = VolumeService(paths, store, events)
    networks = NetworkService(paths, store, events, pools=settings.address_pools, default=settings.default_network)
    snapshots = Snapshots(paths)
    builder = Builder(paths, store, images, Drivers(paths, events, images, snapshots, volumes, networks, runtime))
    containers = ContainerService(
        paths=paths,
        store=store,
        events=events,
        images=images,
        snapshots=snapshots,
        volumes=volumes,
        networks=networks,
        runtime=runtime,
    )
    runtime.use_runtimes(settings.reloadable.runtimes, settings.reloadable.default_runtime)
    containers.use_defaults(settings.reloadable.defaults)
    system = System(
        paths=paths, containers=containers, images=images, events=events, identity=identity, runtimes=runtime.runtimes
    )
    return Services(
        containers=containers,
        images=images,
        builder=builder,
        networks=networks,
        volumes=volumes,
        events=events,
        system=system,
    )
