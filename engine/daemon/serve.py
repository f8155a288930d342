"""Put the services together, bring the world in line with the records, answer the API, and stop in order."""

from __future__ import annotations

import grp
import logging
import os
import signal
from dataclasses import replace
from functools import partial

import anyio
import anyio.abc

from engine.api.server import serve as serve_api
from engine.api.services import Services
from engine.api.system import Identity, System
from engine.builder.service import Builder
from engine.containers.drivers import Drivers
from engine.containers.service import ContainerService
from engine.daemon.identity import engine_id
from engine.daemon.idle import IdleWatch
from engine.daemon.settings import TRUST_DIRECTORIES, Settings
from engine.errors import Unavailable
from engine.events.bus import EventBus
from engine.events.journal import Journal
from engine.images.store import ImageService
from engine.network.service import NetworkService
from engine.registry.settings import RegistrySettings
from engine.runtime.runtime import Runtime
from engine.state.lock import lock_directory
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.snapshots import Snapshots
from engine.volumes.service import VolumeService

log = logging.getLogger(__name__)

_SOCKET_GROUP = "pycompose"


async def serve(settings: Settings, *, version: str) -> None:
    """Run one engine until it is told to stop or has been idle for long enough.

    Containers live on after it. Raises `Conflict` if another engine has the state directory, `Unavailable` if
    the API's socket cannot be made.
    """
    paths = settings.paths
    paths.make()
    lock = lock_directory(paths.root)
    try:
        store = Store.open(paths.database)
        try:
            await _serve(settings, store, version=version)
        finally:
            store.close()
    finally:
        os.close(lock)


async def _serve(settings: Settings, store: Store, *, version: str) -> None:
    runtime = Runtime(settings.paths)
    journal = Journal(settings.paths.events)
    events = EventBus(past=journal.past(), record=journal.append)
    try:
        await _run(settings, _compose(settings, store, runtime, events, version=version))
    finally:
        journal.close()
        runtime.close()


async def _run(settings: Settings, services: Services) -> None:
    idle = IdleWatch(lambda: bool(connections or services.containers.running_count), settings.idle_seconds)
    connections = 0

    def connections_changed(count: int) -> None:
        nonlocal connections
        connections = count
        idle.touch()

    async with anyio.create_task_group() as tasks:
        await services.images.recover()
        await services.volumes.recover()
        await tasks.start(services.networks.run, name="networks")
        await tasks.start(services.containers.run, name="containers")
        await tasks.start(services.builder.run, name="builder")
        listener = await _listen(settings.paths)
        try:
            answer = partial(serve_api, services, listener, on_activity=connections_changed)
            await tasks.start(answer, name="api")
            _tell_ready(settings.ready_descriptor)
            await _until_told_or_idle(services.events, idle)
        finally:
            settings.paths.socket.unlink(missing_ok=True)
            tasks.cancel_scope.cancel()


def _compose(settings: Settings, store: Store, runtime: Runtime, events: EventBus, *, version: str) -> Services:
    paths = settings.paths
    registries = RegistrySettings.load(settings.registry_files)
    registries = registries.with_mirrors(settings.mirrors).with_proxies(settings.proxies)
    registries = replace(registries, trust_directories=TRUST_DIRECTORIES)
    images = ImageService(paths, store, events, registries)
    volumes = VolumeService(paths, store, events)
    networks = NetworkService(paths, store, events)
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
    told = Identity(version=version, engine_id=engine_id(paths.identity), proxies=settings.proxies)
    system = System(paths=paths, containers=containers, images=images, events=events, identity=told)
    return Services(
        containers=containers,
        images=images,
        builder=builder,
        networks=networks,
        volumes=volumes,
        events=events,
        system=system,
    )


async def _listen(paths: Paths) -> anyio.abc.Listener[anyio.abc.SocketStream]:
    paths.socket.unlink(missing_ok=True)  # left by a crash: we hold the lock, so nobody serves it
    # Nobody may connect between bind and chmod.
    mask = os.umask(0o177)
    try:
        listener = await anyio.create_unix_listener(paths.socket)
    except OSError as exc:
        raise Unavailable(f"cannot listen on {paths.socket}: {exc.strerror}") from exc
    finally:
        os.umask(mask)
    try:
        os.chown(paths.socket, -1, grp.getgrnam(_SOCKET_GROUP).gr_gid)
    except KeyError:
        log.debug("no group %s: the socket is for its owner only", _SOCKET_GROUP)
    paths.socket.chmod(0o660)
    return listener


def _tell_ready(descriptor: int | None) -> None:
    if descriptor is not None:
        os.write(descriptor, b"ready\n")
        os.close(descriptor)


async def _until_told_or_idle(events: EventBus, idle: IdleWatch) -> None:
    async with anyio.create_task_group() as tasks:

        async def signalled() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for number in signals:
                    log.info("stopping: %s", number.name)
                    tasks.cancel_scope.cancel()

        async def forgotten() -> None:
            await idle.wait()
            log.info("stopping: no client and no container for a while")
            tasks.cancel_scope.cancel()

        async def stirred() -> None:
            async for _ in events.replay(lambda _: True):
                idle.touch()

        tasks.start_soon(signalled)
        tasks.start_soon(forgotten)
        tasks.start_soon(stirred)
