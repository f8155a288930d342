"""`docker network connect` and `disconnect`: the wish is recorded, and carried out at once where a container runs."""

from __future__ import annotations

from engine.containers import namespaces, surroundings
from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.launching import Launcher
from engine.errors import Conflict, Forbidden, NotFound
from engine.network.records import EndpointRequest, Sandbox
from engine.wire.networks import EndpointSettings


class Connector:
    """Changes which networks a container is on."""

    def __init__(self, drivers: Drivers, launcher: Launcher) -> None:
        self._drivers = drivers
        self._launcher = launcher

    async def connect(self, container: Container, network: str, settings: EndpointSettings) -> None:
        """Put a container on one more network. Raises `Forbidden`, `NoSuchNetwork` and what the network says."""
        target = self._drivers.networks.get(network)
        async with container.lock:
            record = container.record
            if not namespaces.is_private_network(record.host_config) or target.name in ("host", "none"):
                raise Forbidden(
                    "container sharing network namespace with another container or host cannot be connected"
                )
            if target.name in record.networks:
                raise Forbidden(f"endpoint with name {record.name} already exists in network {target.name}")
            if container.is_alive:
                request = EndpointRequest(target.name, settings)
                sandbox = await self._drivers.networks.connect(record.id, request, record.name)
                self._write_files(container, sandbox)
            await container.change(networks={**record.networks, target.name: settings})

    async def disconnect(self, container: Container, network: str) -> None:
        """Take a container off a network, which may be gone already. Raises `Forbidden` when it is not on it."""
        async with container.lock:
            record = container.record
            name = self._name_of(network)
            if name not in record.networks:
                raise Forbidden(f"container {record.id} is not connected to network {network}")
            if container.is_alive:
                sandbox = await self._drivers.networks.disconnect(record.id, name)
                self._write_files(container, sandbox)
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

    def _name_of(self, network: str) -> str:
        try:
            return self._drivers.networks.get(network).name
        except NotFound:
            return network

    def _write_files(self, container: Container, sandbox: Sandbox) -> None:
        hostname = container.record.config.hostname or container.id[:12]
        surroundings.write_etc(
            self._launcher.home(container.id), hosts=sandbox.hosts, resolv_conf=sandbox.resolv_conf, hostname=hostname
        )
