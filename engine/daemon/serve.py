"""The life of the daemon: bring kernel and records in line, answer the API, stop in order."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
from collections.abc import Sequence
from functools import partial

import anyio
import anyio.abc

from engine.api.server import Door
from engine.api.server import serve as serve_api
from engine.api.services import Services
from engine.daemon.farewell import is_machine_going_down
from engine.daemon.idle import IdleWatch
from engine.daemon.parts import identity_of, put_together
from engine.daemon.reload import Reloader
from engine.daemon.settings import Settings
from engine.events.bus import EventBus
from engine.events.journal import Journal
from engine.runtime.runtime import Runtime
from engine.state.lock import lock_directory
from engine.state.store import Store
from engine.state.volatile import in_memory

log = logging.getLogger(__name__)


async def serve(settings: Settings, *, version: str) -> None:
    """Run one engine until it is told to stop or has been idle for long enough.

    Containers live on after it, unless the machine goes down. Raises `Conflict` if another engine has the state
    directory, `Unavailable` if the API's socket cannot be made.
    """
    paths = settings.paths
    paths.make()
    lock = lock_directory(paths.root)
    try:
        with in_memory(paths), contextlib.closing(Store.open(paths.database)) as store:
            await _serve(settings, store, version=version)
    finally:
        os.close(lock)


async def _serve(settings: Settings, store: Store, *, version: str) -> None:
    runtime = Runtime(settings.paths)
    journal = Journal(settings.paths.events)
    events = EventBus(past=journal.past(), record=journal.append)
    try:
        identity = identity_of(settings, version=version)
        services = put_together(settings, store, runtime, events, identity)
        await _run(settings, services, Reloader(settings, services, runtime))
    finally:
        journal.close()
        runtime.close()


async def _run(settings: Settings, services: Services, reloader: Reloader) -> None:
    # Clients who come before everything is in order wait in the sockets' queues.
    doors = settings.doors.open(settings.paths.socket)
    with contextlib.ExitStack() as undo:
        for door in doors:
            undo.callback(door.close)
        await _serve_clients(settings, services, reloader, doors)


async def _serve_clients(settings: Settings, services: Services, reloader: Reloader, doors: Sequence[Door]) -> None:
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
        await tasks.start(partial(serve_api, services, doors, on_activity=connections_changed), name="api")
        gc.freeze()  # modules and what was read of the records stay: no later search for cycles goes through them
        _tell_ready(settings.ready_descriptor)
        _tell_systemd(settings.environment.get("NOTIFY_SOCKET", ""))
        try:
            await _until_told_or_idle(services.events, idle, reloader)
            if await is_machine_going_down():
                log.info("stopping the containers: the machine goes down")
                await services.containers.bring_down()
        finally:
            tasks.cancel_scope.cancel()


def _tell_ready(descriptor: int | None) -> None:
    if descriptor is not None:
        with contextlib.suppress(BrokenPipeError):  # who started us was interrupted: the next one finds us
            os.write(descriptor, b"ready\n")
        os.close(descriptor)


def _tell_systemd(address: str) -> None:
    """Say `READY=1` to the service manager, if there is one (sd_notify(3))."""
    if not address:
        return
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(b"READY=1", f"\0{address[1:]}" if address.startswith("@") else address)
        except OSError as exc:
            log.warning("the service manager cannot be told that the engine is ready: %s", exc.strerror)


async def _until_told_or_idle(events: EventBus, idle: IdleWatch, reloader: Reloader) -> None:
    async with anyio.create_task_group() as tasks:

        async def signalled() -> None:
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
                async for number in signals:
                    if number is signal.SIGHUP:
                        await reloader.reload()
                        continue
                    log.info("stopping: %s", number.name)
                    tasks.cancel_scope.cancel()

        async def forgotten() -> None:
            with events.ringing(idle.touch):
                await idle.wait()
            log.info("stopping: no client and no container for a while")
            tasks.cancel_scope.cancel()

        tasks.start_soon(signalled)
        tasks.start_soon(forgotten)
