"""Containers' links in the kernel: made with a namespace, plugged in and out later, put right after a crash."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import anyio.to_thread

from engine.errors import EngineError
from engine.kernel.namespaces import drop_network_namespace
from engine.kernel.threads import brief
from engine.network.departures import Departures
from engine.network.endpoints import at_once
from engine.network.kernel import netlink
from engine.network.kernel.links import Link
from engine.network.kernel.netdevice import glance
from engine.network.kernel.netlink import DnsSockets
from engine.network.networks import Networks
from engine.network.planning import plan
from engine.network.records import Endpoint, NetworkRecord, Sandbox
from engine.state.paths import Paths
from engine.undo import Undo

log = logging.getLogger(__name__)


class Cabling:
    """Connects namespaces with networks as records say. `networks` must be given before use."""

    def __init__(self, paths: Paths, departures: Departures) -> None:
        self._paths = paths
        self._departures = departures
        self.networks: Networks

    def namespace(self, container_id: str) -> Path:
        """Where a container's network namespace is kept alive."""
        return self._paths.namespaces / container_id

    async def furnish(self, sandbox: Sandbox, networks: Mapping[str, NetworkRecord], undo: list[Undo]) -> DnsSockets:
        """Make a namespace with all its links. Returns the sockets of its name server."""
        path = self.namespace(sandbox.id)
        links = [self._link(endpoint, networks[endpoint.network_id]) for endpoint in sandbox.endpoints]
        routes = plan.gateways(sandbox.endpoints, networks)
        sockets = await brief(netlink.furnish, path, links, routes, sandbox.sysctls)
        undo.append(lambda: anyio.to_thread.run_sync(drop_network_namespace, path))
        undo.append(at_once(sockets.close))
        return sockets

    async def plug(self, sandbox: Sandbox, endpoint: Endpoint) -> None:
        """Make the link of one endpoint in a namespace that is there, and the routes that follow from all of them."""
        link = self._link(endpoint, self.networks.get(endpoint.network_id))
        routes = self._routes(sandbox.endpoints)
        await anyio.to_thread.run_sync(netlink.plug, self.namespace(sandbox.id), link, routes)

    async def unplug(self, container_id: str, endpoint: Endpoint, left: Sequence[Endpoint]) -> None:
        """Remove the link of one endpoint, and let the routes follow from those that are `left`."""
        routes = self._routes(left)
        await anyio.to_thread.run_sync(netlink.unplug, self.namespace(container_id), endpoint.interface, routes)

    def drop(self, sandbox: Sandbox) -> None:
        """Let go of a namespace that nobody is in any more; its addresses are free from now on. Blocks."""
        path = self.namespace(sandbox.id)
        may_be_held = False
        if path.exists():
            try:
                netlink.silence([self._host_name(endpoint) for endpoint in sandbox.endpoints])
            except (EngineError, OSError):  # it goes all the same
                log.exception("the links of container %s can be heard until they are gone", sandbox.id[:12])
            else:
                # A macvlan cannot be silenced, and as long as an ipvlan is there nobody else can have its address.
                may_be_held = all(self.networks.has_bridge(endpoint.network_id) for endpoint in sandbox.endpoints)
        self._departures.drop(path, may_be_held=may_be_held)

    async def reattach(self, record: NetworkRecord, sandboxes: Iterable[Sandbox]) -> None:
        """Put surviving veths into a bridge that had to be made again."""
        endpoints = (endpoint for sandbox in sandboxes for endpoint in sandbox.endpoints)
        names = [self._host_name(endpoint) for endpoint in endpoints if endpoint.network_id == record.id]
        if names:
            await anyio.to_thread.run_sync(netlink.reattach, self.networks.parent_name(record), names)

    async def delete_unknown(self, sandboxes: Iterable[Sandbox]) -> None:
        """Delete veths of ours that no endpoint has."""
        known = {self._host_name(endpoint) for sandbox in sandboxes for endpoint in sandbox.endpoints}
        ours = f"pcv{self._paths.tag}"
        unknown = [name for name in netlink.links_of(self._paths.tag) if name.startswith(ours) and name not in known]
        if unknown:
            await anyio.to_thread.run_sync(netlink.delete_links, unknown)

    async def make_missing(self, sandbox: Sandbox) -> None:
        """Make the links that are recorded and not there: an engine died while it made or removed them."""
        interfaces = await anyio.to_thread.run_sync(netlink.interfaces, self.namespace(sandbox.id))
        for endpoint in sandbox.endpoints:
            # A container may rename what it has; our end of a veth tells that it is there nevertheless. A link is
            # set up and gets its addresses in one step: one that is down is only half made.
            is_up = interfaces.get(endpoint.interface)
            if is_up or (is_up is None and netlink.link_exists(self._host_name(endpoint))):
                continue
            try:
                if is_up is not None:
                    await self.unplug(sandbox.id, endpoint, ())
                await self.plug(sandbox, endpoint)
            except EngineError:
                log.exception("container %s is without its link %s", sandbox.id[:12], endpoint.interface)

    def _link(self, endpoint: Endpoint, record: NetworkRecord) -> Link:
        name = self.networks.parent_name(record)
        parent = glance(name)
        if parent is None:
            raise EngineError(
                f"network {record.name} hangs on the link {name}, which is not there",
                hint="bring the link back, or make the network again",
            )
        return plan.link(endpoint, record, parent, self._host_name(endpoint))

    def _routes(self, endpoints: Sequence[Endpoint]) -> list[tuple[str, str]]:
        networks = {endpoint.network_id: self.networks.get(endpoint.network_id) for endpoint in endpoints}
        return plan.gateways(endpoints, networks)

    def _host_name(self, endpoint: Endpoint) -> str:
        return f"pcv{self._paths.tag}{endpoint.id[:8]}"
