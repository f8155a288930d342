"""Containers' places in networks: who uses a network, and with which addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence

from engine.errors import BadRequest, EngineError, Forbidden, NotFound
from engine.network.networks import Networks
from engine.network.planning import ipam, plan
from engine.network.planning.wishes import checked_wishes
from engine.network.records import Endpoint, EndpointRequest, NetworkRecord, Sandbox
from engine.state.names import new_id
from engine.undo import Undo
from engine.wire.networks import EndpointSettings


class Endpoints:
    """Counts users per network and allocates addresses. `networks`, and `unused`, which is called whenever a network
    has lost its last user, must be given before use.
    """

    def __init__(self) -> None:
        self._users: dict[str, dict[str, int]] = {}
        self.networks: Networks
        self.unused: Callable[[], Awaitable[None]]

    def in_use(self, network_id: str) -> bool:
        """Whether a container is on a network, or about to be."""
        return bool(self._users.get(network_id))

    async def join(
        self, container_id: str, requests: Iterable[EndpointRequest], undo: list[Undo]
    ) -> tuple[list[Endpoint], dict[str, NetworkRecord]]:
        """Take places in several networks; returns also these networks by id."""
        endpoints: list[Endpoint] = []
        networks: dict[str, NetworkRecord] = {}
        for request in requests:
            taken = [endpoint.interface for endpoint in endpoints]
            endpoint, record = await self.take(container_id, request, taken, undo)
            if record.id in networks:
                raise BadRequest(f"network {record.name} was asked for twice")
            endpoints.append(endpoint)
            networks[record.id] = record
        return endpoints, networks

    async def take(
        self, container_id: str, request: EndpointRequest, interfaces: Sequence[str], undo: list[Undo]
    ) -> tuple[Endpoint, NetworkRecord]:
        """Take a place in one network, whose bridge then exists. `interfaces` are the container's names in use."""
        record = self.networks.get(request.network)
        if record.config_only:
            raise Forbidden("cannot create endpoint on configuration-only network")
        if not record.takes_containers:
            raise BadRequest(f"a container with other networks cannot be on network {record.name}")
        wishes = checked_wishes(request.settings, record)
        users = self._users.setdefault(record.id, {})
        users[container_id] = users.get(container_id, 0) + 1
        undo.append(lambda: self._stop_using(container_id, record.id))
        record = await self.networks.ensure(record)
        interface = plan.interface_name(wishes, interfaces, record.interface_prefix)
        if interface in interfaces:
            raise BadRequest(f"the container has an interface of the name {interface} already")
        endpoint = self._allocate(container_id, record, wishes, interface)
        undo.append(at_once(lambda: self._release(endpoint)))
        return endpoint, record

    async def leave(self, container_id: str, endpoint: Endpoint) -> None:
        """Give a place back; the default network may lose its bridge by that."""
        self._release(endpoint)
        await self._stop_using(container_id, endpoint.network_id)

    def count(self, sandboxes: Iterable[Sandbox]) -> set[str]:
        """Note the users of a former life; returns the ids of networks that have any."""
        for sandbox in sandboxes:
            for endpoint in sandbox.endpoints:
                self._users.setdefault(endpoint.network_id, {})[sandbox.id] = 1
        return set(self._users)

    def remember(self, container_id: str, record: NetworkRecord, addresses: tuple[str, str]) -> None:
        """Note the addresses (IPv4, IPv6) that a container had in a network, for when it comes again."""
        for address, version in zip(addresses, (4, 6), strict=True):
            pool = self.networks.addresses(record, version)
            if address and pool:
                pool.remember(address, container_id)

    def mark(self, sandbox: Sandbox) -> None:
        """Note the addresses of a former life."""
        for endpoint in sandbox.endpoints:
            record = self.networks.get(endpoint.network_id)
            for address, version in ((endpoint.address, 4), (endpoint.address6, 6)):
                pool = self.networks.addresses(record, version)
                if address and pool:
                    pool.mark(address, sandbox.id)

    def _allocate(self, container_id: str, record: NetworkRecord, wishes: EndpointSettings, interface: str) -> Endpoint:
        endpoint_id = new_id()
        wanted = wishes.ipam_config
        static = (wanted.ipv4_address, wanted.ipv6_address) if wanted else ("", "")
        mac = ipam.checked_mac(wishes.mac_address) if wishes.mac_address else ""
        address, address6 = self._addresses(container_id, record, *static)
        return Endpoint(
            id=endpoint_id,
            network_id=record.id,
            network_name=record.name,
            interface=interface,
            address=address,
            address6=address6,
            # An ipvlan has the address of its parent.
            mac_address="" if record.driver == "ipvlan" else mac or ipam.mac_address(address, endpoint_id),
            aliases=list(wishes.aliases or ()),
            wishes=wishes,
        )

    def _addresses(self, container_id: str, record: NetworkRecord, static: str, static6: str) -> tuple[str, str]:
        pool, pool6 = self.networks.addresses(record, 4), self.networks.addresses(record, 6)
        address = pool.take(static, container_id) if pool else ""
        try:
            return address, pool6.take(static6, container_id) if pool6 else ""
        except EngineError:
            if pool:
                pool.release(address)
            raise

    def _release(self, endpoint: Endpoint) -> None:
        # The network can be gone already: then its addresses are as well.
        with contextlib.suppress(NotFound):
            record = self.networks.get(endpoint.network_id)
            for address, version in ((endpoint.address, 4), (endpoint.address6, 6)):
                pool = self.networks.addresses(record, version)
                if address and pool:
                    pool.release(address)

    async def _stop_using(self, container_id: str, network_id: str) -> None:
        users = self._users.get(network_id, {})
        count = users.pop(container_id, 0) - 1
        if count > 0:
            users[container_id] = count
        if not users:
            self._users.pop(network_id, None)
            await self.unused()


def at_once(act: Callable[[], object]) -> Undo:
    """An undo step that does not wait."""

    async def step() -> None:
        act()

    return step
