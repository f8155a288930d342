"""`docker network connect` and `disconnect`: the wish is recorded, and carried out at once where a container runs."""

from __future__ import annotations

from functools import partial

import anyio.to_thread

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.life.launching import Launcher
from engine.containers.making import namespaces, surroundings
from engine.errors import BadRequest, Conflict, EngineError, Forbidden, NotFound
from engine.network.planning.wishes import checked_wishes
from engine.network.records import EndpointRequest, NetworkRecord, Sandbox
from engine.wire.networks import EndpointSettings


class Connector:
    """Changes which networks a container is on."""

    def __init__(self, drivers: Drivers, launcher: Launcher) -> None:
        self._drivers = drivers
        self._launcher = launcher

    async def connect(self, container: Container, network: str, settings: EndpointSettings) -> None:
        """Put a container on one more network; a stopped one that is on it already stays as it is.

        Raises `BadRequest`, `Forbidden`, `NoSuchNetwork` and what the network says.
        """
        target = self._drivers.networks.get(network)
        async with container.lock:
            record = container.record
            _refuse_sharing(namespaces.modes_of(record.host_config).network, target)
            wishes = checked_wishes(settings, target)
            if container.is_alive:
                if target.name in record.networks:
                    raise Forbidden(f"endpoint with name {record.name} already exists in network {target.name}")
                before = self._drivers.networks.sandbox(record.id)
                sandbox = await self._drivers.networks.connect(
                    record.id, EndpointRequest(target.name, wishes), record.name
                )
                await self._write_files(container, before, sandbox)
            elif target.name in record.networks:
                return
            await container.change(networks={**record.networks, target.name: wishes})

    async def disconnect(self, container: Container, network: str, *, force: bool = False) -> None:
        """Take a container off a network; with `force` also off one that is gone. Raises `NoSuchNetwork`, and
        `EngineError` when it is not on it.
        """
        async with container.lock:
            record = container.record
            name = self._name_of(network, is_optional=force or not container.is_alive)
            if name == "host" and record.host_config.network_mode == "host":
                raise BadRequest(
                    "cannot disconnect container from host network - container was created in host network mode"
                )
            if name == "none" and record.host_config.network_mode == "none":
                return
            if name not in record.networks:
                article = "" if container.is_alive else "the "
                raise EngineError(f"container {record.id} is not connected to {article}network {name}")
            if container.is_alive:
                before = self._drivers.networks.sandbox(record.id)
                sandbox = await self._drivers.networks.disconnect(record.id, name)
                await self._write_files(container, before, sandbox)
            await container.change(networks={key: wish for key, wish in record.networks.items() if key != name})

    def network_ids(self, container: Container) -> tuple[tuple[str, str], ...]:
        """The ids of the networks that a container wants to be on, by name."""
        found = []
        record = container.record
        for name in record.networks or (record.host_config.network_mode,):
            try:
                found.append((name, self._drivers.networks.get(name).id))
            except (NotFound, Conflict):
                continue  # it is removed, or not made yet
        return tuple(found)

    def _name_of(self, network: str, *, is_optional: bool) -> str:
        try:
            return self._drivers.networks.get(network).name
        except NotFound:
            if not is_optional:
                raise
            return network

    async def _write_files(self, container: Container, before: Sandbox | None, after: Sandbox) -> None:
        if before is not None:
            home = self._launcher.home(container.id)
            await anyio.to_thread.run_sync(partial(surroundings.update_etc, home, before=before, after=after))


def _refuse_sharing(mode: str, target: NetworkRecord) -> None:
    """Raise `BadRequest` where a network namespace is, or would be, somebody else's, or has no networks on purpose."""
    if target.driver == "host" and mode != "host":
        raise BadRequest("cannot connect container to host network - container must be created in host network mode")
    if mode == "none" or (target.driver == "null" and not target.config_only):
        raise BadRequest(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )
    if mode != "private":
        raise BadRequest(
            "container sharing network namespace with another container or host cannot be connected to any other "
            "network"
        )
