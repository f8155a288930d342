"""The door to networks: what the rest of the engine calls. Events are published here."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Mapping, Sequence

import anyio
import anyio.abc

from engine.errors import Forbidden, NoSuchNetwork, NotFound
from engine.events.bus import EventBus
from engine.network.cabling import Cabling
from engine.network.departures import Departures
from engine.network.endpoints import Endpoints
from engine.network.kernel import netlink
from engine.network.lingering import Lingering
from engine.network.networks import Networks
from engine.network.planning import plan
from engine.network.planning.default_bridge import DefaultBridge
from engine.network.planning.ipam import DEFAULT_POOLS, Pool
from engine.network.records import (
    BRIDGE_DRIVER,
    DEFAULT_NETWORK,
    Endpoint,
    EndpointRequest,
    NetworkRecord,
    Sandbox,
    SandboxRequest,
    Subnet,
)
from engine.network.sandboxes import Sandboxes
from engine.state.paths import Paths
from engine.state.store import Store
from engine.wire.networks import (
    IPAM,
    ConfigReference,
    IPAMConfig,
    NetworkCreateRequest,
    NetworkCreateResponse,
    NetworkInspect,
)
from engine.wire.times import rfc3339

__all__ = ["EndpointRequest", "NetworkRecord", "NetworkService", "Sandbox", "SandboxRequest"]


class NetworkService:
    """Networks and containers' places in them. Start `run` first:

    networks = NetworkService(paths, store, events)
    await tasks.start(networks.run)
    created = await networks.create(NetworkCreateRequest(name="app"))
    sandbox = await networks.open_sandbox(SandboxRequest(…))
    await networks.close_sandbox(sandbox.id)

    The default network's bridge, and the firewall's table if that was the last, stay for `linger_seconds` after the
    last container, and go at the latest when `run` ends. So do namespaces and links of containers that have ended, for
    a fraction of a second.
    """

    def __init__(
        self,
        paths: Paths,
        store: Store,
        events: EventBus,
        *,
        pools: Sequence[Pool] = DEFAULT_POOLS,
        default: DefaultBridge | None = None,
        linger_seconds: float = 0.0,
    ) -> None:
        self._events = events
        self._default = default or DefaultBridge()
        self._endpoints = Endpoints()
        self._departures = Departures(linger_seconds)
        cabling = Cabling(paths, self._departures)
        self._sandboxes = Sandboxes(paths, store, self._endpoints, cabling, self._departures)
        self._networks = Networks(
            paths.tag,
            store,
            self._departures,
            pools=pools,
            in_use=self._endpoints.in_use,
            published=self._sandboxes.published,
            reattach=self._sandboxes.reattach,
        )
        self._endpoints.networks = self._sandboxes.networks = cabling.networks = self._networks
        self._linger_seconds = linger_seconds
        self._lingering = Lingering(self._networks.drop_unused, linger_seconds)
        self._endpoints.unused = self._lingering.ask

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Make the kernel agree with the records, then serve names and proxies until cancelled. Containers keep their
        networks when this ends.
        """
        with contextlib.closing(self._networks):
            await self._run(task_status)

    async def _run(self, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with anyio.create_task_group() as tasks:
            self._sandboxes.tasks = tasks
            await self._networks.know_predefined()
            await self._sandboxes.recover()
            await self._networks.configure_default(self._default)
            if self._linger_seconds:
                tasks.start_soon(self._lingering.run, name="unused networks")
                tasks.start_soon(self._departures.run, name="namespaces on their way out")
            task_status.started()
            try:
                await anyio.sleep_forever()
            finally:
                self._sandboxes.stop_serving()

    def get(self, name_or_id: str) -> NetworkRecord:
        """The network of that name, id or id prefix. Raises `NoSuchNetwork`."""
        return self._networks.get(name_or_id)

    def all(self) -> list[NetworkRecord]:
        """Every network, the oldest first."""
        return list(self._networks)

    def inspect(self, record: NetworkRecord) -> NetworkInspect:
        """A network as the API shows it, with the containers that are connected now."""
        return NetworkInspect(
            name=record.name,
            id=record.id,
            created=rfc3339(record.created_ns),
            scope=record.scope,
            driver=record.driver,
            enable_ipv4=record.enable_ipv4,
            enable_ipv6=record.enable_ipv6,
            ipam=self._ipam(record),
            internal=record.internal,
            attachable=record.attachable,
            config_from=ConfigReference(network=record.config_from),
            config_only=record.config_only,
            containers={
                sandbox.id: plan.resource(sandbox, endpoint, record)
                for sandbox in self._sandboxes
                for endpoint in sandbox.endpoints
                if endpoint.network_id == record.id
            },
            options=self._options(record),
            labels=record.labels,
        )

    def _options(self, record: NetworkRecord) -> dict[str, str]:
        if record.name != DEFAULT_NETWORK:
            return record.options
        shown = {
            "default_bridge": "true",
            "enable_icc": "true",
            "enable_ip_masquerade": "true",
            "host_binding_ipv4": "0.0.0.0",
            "name": self._networks.parent_name(record),
        }
        mtu = {"com.docker.network.driver.mtu": str(netlink.default_mtu())}
        return {**{f"com.docker.network.bridge.{key}": value for key, value in shown.items()}, **mtu}

    async def create(self, request: NetworkCreateRequest) -> NetworkCreateResponse:
        """Make a bridge network. Raises `Conflict` for a taken name, `Forbidden` for a taken subnet."""
        record, warning = await self._networks.create(request)
        self._tell("create", record)
        return NetworkCreateResponse(id=record.id, warning=warning)

    async def remove(self, name_or_id: str) -> None:
        """Remove a network. Raises `Forbidden` when it is predefined or has containers."""
        record = self._networks.get(name_or_id)
        connected = [
            f'name:"{sandbox.container_name}" id:"{sandbox.id[:12]}"'
            for sandbox in self._sandboxes
            if any(endpoint.network_id == record.id for endpoint in sandbox.endpoints)
        ]
        if connected and not record.is_predefined:
            raise Forbidden(
                f"error while removing network: network {record.name} has active endpoints ({', '.join(connected)})",
                hint="stop or disconnect these containers first",
            )
        await self._networks.remove(record)
        self._tell("destroy", record)

    async def prune(self, unused: Callable[[NetworkRecord], bool]) -> list[str]:
        """Remove the networks for which `unused` holds and that have no containers; returns their names."""
        removed = []
        for record in self.all():
            if not record.is_predefined and not self._endpoints.in_use(record.id) and unused(record):
                await self.remove(record.id)
                removed.append(record.name)
        return removed

    async def open_sandbox(self, request: SandboxRequest) -> Sandbox:
        """Make a container's network: namespace, links, addresses, routes, names, published ports; all or nothing.

        Raises `NoSuchNetwork`, `BadRequest`, `PortInUse`, `Forbidden` (address taken), `Conflict` (exists already).
        """
        sandbox = await self._sandboxes.open(request)
        for endpoint in sandbox.endpoints:
            self._tell_container("connect", sandbox.id, endpoint)
        return sandbox

    async def close_sandbox(self, container_id: str) -> None:
        """Let go of a container's network; one without is fine."""
        sandbox = await self._sandboxes.close(container_id)
        for endpoint in sandbox.endpoints if sandbox else ():
            self._tell_container("disconnect", container_id, endpoint)

    def drop_namespace_now(self, container_id: str) -> None:
        """Let go of a namespace in which nothing runs any more; nothing there is fine. `close_sandbox` has to follow,
        and has less to do then. Blocks.
        """
        self._sandboxes.drop_now(container_id)

    async def adopt_sandbox(self, container_id: str) -> Sandbox | None:
        """Serve a living container again after an engine restart; None if it has no namespace any more."""
        return await self._sandboxes.adopt(container_id)

    def sandbox(self, container_id: str) -> Sandbox | None:
        """What `open_sandbox` returned, as it is now."""
        return self._sandboxes.get(container_id)

    def remember_addresses(self, container_id: str, addresses: Mapping[str, tuple[str, str]]) -> None:
        """Have a container get these addresses (IPv4, IPv6, "" for none) by network when it comes, if they are free."""
        for name, places in addresses.items():
            with contextlib.suppress(NoSuchNetwork):
                self._endpoints.remember(container_id, self.get(name), places)

    async def connect(self, container_id: str, request: EndpointRequest, container_name: str) -> Sandbox:
        """Put a running container on one more network. `container_name` is its name now."""
        sandbox = self._sandboxes.get(container_id)
        if sandbox is not None and sandbox.container_name != container_name:
            await self._sandboxes.rename(container_id, container_name)
        sandbox, endpoint = await self._sandboxes.connect(container_id, request)
        self._tell_container("connect", container_id, endpoint)
        return sandbox

    async def disconnect(self, container_id: str, network: str) -> Sandbox:
        """Take a running container off a network. Raises `Forbidden` when it is not on it."""
        sandbox, endpoint = await self._sandboxes.disconnect(container_id, network)
        self._tell_container("disconnect", container_id, endpoint)
        return sandbox

    async def rename(self, container_id: str, name: str) -> None:
        """Let a container be found by another name."""
        await self._sandboxes.rename(container_id, name)

    @staticmethod
    def _ipam(record: NetworkRecord) -> IPAM:
        """The ranges as the user gave them, then those that were chosen."""
        chosen = [
            IPAMConfig(subnet=item.subnet, gateway="" if _has_no_gateway(record, item) else item.gateway)
            for item in record.subnets
            if not any(
                ipaddress.ip_network(given.subnet) == ipaddress.ip_network(item.subnet) for given in record.given
            )
        ]
        return IPAM(driver=record.ipam_driver, options=record.ipam_options, config=[*record.given, *chosen] or None)

    def _tell(self, action: str, record: NetworkRecord) -> None:
        self._events.publish("network", action, record.id, {"name": record.name, "type": record.driver})

    def _tell_container(self, action: str, container_id: str, endpoint: Endpoint) -> None:
        try:
            driver = self._networks.get(endpoint.network_id).driver
        except NotFound:  # it was removed meanwhile, and only bridges can go before their containers
            driver = BRIDGE_DRIVER
        attributes = {"container": container_id, "name": endpoint.network_name, "type": driver}
        self._events.publish("network", action, endpoint.network_id, attributes)


def _has_no_gateway(record: NetworkRecord, subnet: Subnet) -> bool:
    if record.has_bridge:
        return record.bridge_options.gateway_mode(subnet.version) == "isolated"
    return record.internal or record.parent_options.routes_by_link
