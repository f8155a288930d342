"""Containers' network namespaces: making them with everything on them, changing them live, letting them go.

All or nothing: whatever was taken (addresses, ports, the namespace, firewall elements, sockets) is given back when a
later step fails or the caller is cancelled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import anyio
import anyio.abc
import anyio.to_thread
import msgspec
from msgspec import Struct, field

from engine.errors import Conflict, EngineError, Forbidden
from engine.kernel.namespaces import drop_network_namespace
from engine.kernel.threads import brief
from engine.locks import KeyedLock
from engine.network import ports
from engine.network.cabling import Cabling
from engine.network.departures import Departures
from engine.network.endpoints import Endpoints, at_once
from engine.network.host_ports import HostPorts
from engine.network.kernel import netlink
from engine.network.kernel.netlink import DnsSockets
from engine.network.names.directory import Directory
from engine.network.names.resolver import Forwarder, HostResolvers, NameServer, Resolution
from engine.network.networks import Networks
from engine.network.planning import plan
from engine.network.records import (
    Endpoint,
    EndpointRequest,
    NetworkRecord,
    Publication,
    Sandbox,
    SandboxRequest,
)
from engine.state.paths import Paths
from engine.state.store import Store
from engine.undo import Undo, undo_on_error

log = logging.getLogger(__name__)


class _Live(Struct):
    """What only this process holds for a container: sockets. Containers outlive it."""

    container_name: str = ""
    name_server: NameServer | None = None
    ports: HostPorts = field(default_factory=HostPorts)

    def close(self) -> None:
        """Close everything."""
        if self.name_server is not None:
            self.name_server.close()
        self.ports.close()


class Sandboxes:
    """All sandboxes of one engine. `networks` must be given before use, `tasks` before sockets are served."""

    def __init__(
        self, paths: Paths, store: Store, endpoints: Endpoints, cabling: Cabling, departures: Departures
    ) -> None:
        self._paths = paths
        self._endpoints = endpoints
        self._cabling = cabling
        self._departures = departures
        self._table = store.table("sandbox", Sandbox)
        self._live: dict[str, _Live] = {}
        self._host = HostResolvers()
        self._directory = Directory()
        self._resolution = Resolution(self._directory, Forwarder(), self._host)
        self._changing = KeyedLock()
        self.networks: Networks
        self.tasks: anyio.abc.TaskGroup

    def __iter__(self) -> Iterator[Sandbox]:
        return iter(self._table)

    def get(self, container_id: str) -> Sandbox | None:
        """The sandbox of a container, if it has one."""
        return self._table.get(container_id)

    def published(self) -> Iterator[Publication]:
        """Every published port."""
        for sandbox in self._table:
            yield from sandbox.publications

    async def open(self, request: SandboxRequest) -> Sandbox:
        """Make the namespace and everything on it."""
        if self._table.get(request.container_id) is not None or request.container_id in self._live:
            raise Conflict(f"container {request.container_id[:12]} has a network namespace already")
        wanted = ports.wishes(request.ports)
        async with undo_on_error() as undo:
            live = self._live[request.container_id] = _Live(request.container_name)
            undo.append(at_once(lambda: self._forget(request.container_id)))
            undo.append(at_once(live.close))
            sandbox = plan.sandbox(
                request,
                str(self._paths.namespaces / request.container_id),
                {key: list(bindings) for key, bindings in request.ports.items()},
            )
            endpoints, networks = await self._endpoints.join(request.container_id, request.endpoints, undo)
            live.ports = await self._reserve(wanted, plan.publishing(endpoints, networks))
            publications = live.ports.reservation.publications
            sandbox = msgspec.structs.replace(sandbox, endpoints=endpoints, publications=publications)
            sandbox = plan.completed(sandbox, networks, self._host.read())
            sockets = await self._cabling.furnish(sandbox, networks, undo)
            if publications:
                await self.networks.publish(publications)
                undo.append(lambda: self.networks.unpublish(publications))
            self._serve(sandbox, live, sockets, networks)
            undo.append(at_once(live.close))
            await self._table.put(sandbox)
        return sandbox

    async def close(self, container_id: str) -> Sandbox | None:
        """Let go of a namespace and of everything on it. Returns what it was."""
        sandbox = self._table.get(container_id)
        if sandbox is None:
            return None
        # Shielded: half a removal would leave addresses and ports taken.
        with anyio.CancelScope(shield=True):
            async with self._changing(container_id):
                if self._table.get(container_id) is None:
                    return None
                live = self._forget(container_id)
                if sandbox.publications:
                    await self._table.delete(container_id)
                    await self.networks.unpublish(sandbox.publications)
                else:
                    self._table.delete_soon(container_id)
                if live is not None:
                    live.close()
                if (self._paths.namespaces / sandbox.id).exists():  # else it was dropped with the container's process
                    await brief(self._cabling.drop, sandbox)
                for endpoint in sandbox.endpoints:
                    await self._endpoints.leave(sandbox.id, endpoint)
                await self._departures.ask()
        return sandbox

    def drop_now(self, container_id: str) -> None:
        """Let go of a namespace; nothing there is fine. Its record goes with `close`. Blocks."""
        sandbox = self._table.get(container_id)
        if sandbox is None:
            drop_network_namespace(self._paths.namespaces / container_id)
        else:
            self._cabling.drop(sandbox)

    async def adopt(self, container_id: str) -> Sandbox | None:
        """Serve the namespace of a container that outlived an engine: its name server, ports and proxies."""
        sandbox = self._table.get(container_id)
        if sandbox is None or container_id in self._live:
            return sandbox
        sockets = await anyio.to_thread.run_sync(netlink.reopen_dns_sockets, self._paths.namespaces / container_id)
        reservation, lost = ports.hold_again(sandbox.publications)
        for publication in lost:
            log.warning("port %s was taken by another program meanwhile", publication.host_address)
        networks = {endpoint.network_id: self.networks.get(endpoint.network_id) for endpoint in sandbox.endpoints}
        live = self._live[container_id] = _Live(sandbox.container_name, ports=HostPorts(reservation))
        self._serve(sandbox, live, sockets, networks)
        return await self._with_missing_ports(sandbox)

    async def connect(self, container_id: str, request: EndpointRequest) -> tuple[Sandbox, Endpoint]:
        """Put a running container on one more network."""
        async with self._changing(container_id), undo_on_error() as undo:
            sandbox = self._existing(container_id)
            record = self.networks.get(request.network)
            if any(endpoint.network_id == record.id for endpoint in sandbox.endpoints):
                raise Forbidden(f"endpoint with name {sandbox.container_name} already exists in network {record.name}")
            taken = [endpoint.interface for endpoint in sandbox.endpoints]
            endpoint, record = await self._endpoints.take(container_id, request, taken, undo)
            sandbox, changed = await self._moved(sandbox, [*sandbox.endpoints, endpoint], undo)
            undo.append(lambda: self._take_effect(changed, sandbox))
            # Before the link: an engine that dies in between is followed by one that makes it.
            await self._table.put(changed)
            undo.append(lambda: self._table.put(sandbox))
            await self._cabling.plug(changed, endpoint)
            undo.append(partial(self._cabling.unplug, container_id, endpoint, sandbox.endpoints))
            await self._take_effect(sandbox, changed)
            return changed, endpoint

    async def disconnect(self, container_id: str, network: str) -> tuple[Sandbox, Endpoint]:
        """Take a running container off a network."""
        async with self._changing(container_id):
            sandbox = self._existing(container_id)
            record = self.networks.get(network)
            endpoint = next((item for item in sandbox.endpoints if item.network_id == record.id), None)
            if endpoint is None:
                raise Forbidden(f"container {sandbox.container_name} is not connected to network {record.name}")
            left = [item for item in sandbox.endpoints if item.id != endpoint.id]
            with anyio.CancelScope(shield=True):
                await self._cabling.unplug(container_id, endpoint, left)
                sandbox, changed = await self._moved(sandbox, left)
                await self._record(sandbox, changed)
                await self._endpoints.leave(container_id, endpoint)
            return changed, endpoint

    async def rename(self, container_id: str, name: str) -> None:
        """Answer to another name from now on; a container without sandbox is fine."""
        async with self._changing(container_id):
            sandbox = self._table.get(container_id)
            if sandbox is not None:
                await self._record(sandbox, self._completed(msgspec.structs.replace(sandbox, container_name=name)))

    async def recover(self) -> None:
        """Forget what did not survive, remove what nobody knows, and note what is in use."""
        self._paths.namespaces.mkdir(mode=0o711, parents=True, exist_ok=True)
        for sandbox in list(self._table):
            if not netlink.is_namespace(self._paths.namespaces / sandbox.id):
                log.info("the network namespace of container %s is gone", sandbox.id[:12])
                await self._table.delete(sandbox.id)
        await self._forget_lost_networks()
        known = {*(sandbox.id for sandbox in self._table), *self._table.unreadable}
        orphans = [path for path in self._paths.namespaces.iterdir() if path.name not in known]
        for path in orphans:
            await anyio.to_thread.run_sync(drop_network_namespace, path)
        if not orphans:  # else their links go with them, a little later and much faster than one by one
            await self._cabling.delete_unknown(self._table)
        remade = await self.networks.recover(self._endpoints.count(self._table))
        for record in remade:
            await self.reattach(record)
        for sandbox in self._table:
            await self._cabling.make_missing(sandbox)
        for sandbox in self._table:
            self._endpoints.mark(sandbox)
            self._directory.put(sandbox, self._networks_of(sandbox))

    async def _forget_lost_networks(self) -> None:
        """Take containers off networks of which there is no record any more, or none that can be read: else one of
        them would keep all the others from being served. Their ports are taken anew.
        """
        for sandbox in list(self._table):
            left = [endpoint for endpoint in sandbox.endpoints if self.networks.knows(endpoint.network_id)]
            for endpoint in sandbox.endpoints:
                if endpoint not in left:
                    log.error("container %s has lost its network %s", sandbox.id[:12], endpoint.network_name)
            if left != sandbox.endpoints:
                changed = msgspec.structs.replace(sandbox, endpoints=left, publications=[])
                await self._table.put(self._completed(changed))

    async def reattach(self, record: NetworkRecord) -> None:
        """Put surviving veths into a bridge that had to be made again."""
        await self._cabling.reattach(record, self._table)

    def stop_serving(self) -> None:
        """Close all sockets; containers keep their networks."""
        for live in self._live.values():
            live.close()
        self._live.clear()

    async def _reserve(self, wanted: Sequence[ports.Wish], target: ports.Target) -> HostPorts:
        owners: dict[str, list[Publication]] = {}
        for live in self._live.values() if wanted else ():
            owners.setdefault(live.container_name, []).extend(live.ports.reservation.publications)
        try:
            return HostPorts(ports.reserve(wanted, target, owners))
        except ports.TakenElsewhere as exc:
            raise await anyio.to_thread.run_sync(exc.with_owner) from None

    def _serve(self, sandbox: Sandbox, live: _Live, sockets: DnsSockets, networks: Mapping[str, NetworkRecord]) -> None:
        self._directory.put(sandbox, networks)
        live.name_server = NameServer(sandbox.id, sockets, self.tasks, self._resolution)
        live.ports.follow(sandbox.publications, self.tasks)

    def _forget(self, container_id: str) -> _Live | None:
        self._directory.remove(container_id)
        return self._live.pop(container_id, None)

    async def _moved(
        self, sandbox: Sandbox, endpoints: list[Endpoint], undo: list[Undo] | None = None
    ) -> tuple[Sandbox, Sandbox]:
        """A sandbox as it is and as it will be with these endpoints. Its ports follow the endpoint that leads outside.
        If that cannot have them as they are, they are given up, and taken anew where the endpoint can have any. Who
        cannot undo (`None`) goes on without ports that are taken; else that is an error.
        """
        after = msgspec.structs.replace(sandbox, endpoints=endpoints)
        old, new = (plan.publishing(each.endpoints, self._networks_of(each)) for each in (sandbox, after))
        wanted = ports.wishes(sandbox.wanted_ports)
        if ports.places(wanted, old) == ports.places(wanted, new):
            publications = plan.retarget(sandbox.publications, new)
            return sandbox, self._completed(msgspec.structs.replace(after, publications=publications))
        if sandbox.publications:
            with_ports, sandbox = sandbox, msgspec.structs.replace(sandbox, publications=[])
            if undo is not None:
                undo.append(lambda: self._take_up_again(with_ports))
            await self._record(with_ports, sandbox)
        publications = await self._taken_anew(sandbox, wanted, new, undo)
        return sandbox, self._completed(msgspec.structs.replace(after, publications=publications))

    async def _taken_anew(
        self, sandbox: Sandbox, wanted: Sequence[ports.Wish], target: ports.Target, undo: list[Undo] | None
    ) -> list[Publication]:
        try:
            held = await self._reserve(wanted, target)
        except EngineError as exc:
            if undo is not None:
                raise
            log.warning("container %s goes on without its ports: %s", sandbox.container_name, exc.message)
            return []
        self._live[sandbox.id].ports = held
        if undo is not None:
            undo.append(at_once(held.close))
        return held.reservation.publications

    async def _take_up_again(self, sandbox: Sandbox) -> None:
        """Publish ports that were given up, as far as nobody else has them now."""
        reservation, _lost = ports.hold_again(sandbox.publications)
        self._live[sandbox.id].ports = HostPorts(reservation)
        await self._table.put(sandbox)
        await self._take_effect(msgspec.structs.replace(sandbox, publications=[]), sandbox)

    async def _with_missing_ports(self, sandbox: Sandbox) -> Sandbox:
        """Publish what an engine gave up and did not take anew, because it died or others had the ports."""
        if not sandbox.wanted_ports or sandbox.publications:
            return sandbox
        target = plan.publishing(sandbox.endpoints, self._networks_of(sandbox))
        publications = await self._taken_anew(sandbox, ports.wishes(sandbox.wanted_ports), target, None)
        after = self._completed(msgspec.structs.replace(sandbox, publications=publications))
        await self._record(sandbox, after)
        return after

    async def _record(self, before: Sandbox, after: Sandbox) -> None:
        """Record what has changed, and make it take effect."""
        await self._table.put(after)
        await self._take_effect(before, after)

    def _completed(self, sandbox: Sandbox) -> Sandbox:
        return plan.completed(sandbox, self._networks_of(sandbox), self._host.read())

    async def _take_effect(self, before: Sandbox, after: Sandbox) -> None:
        """Bring names, published ports and proxies up to date with what is recorded."""
        self._directory.put(after, self._networks_of(after))
        live = self._live.get(after.id)
        if live is not None:
            live.container_name = after.container_name
        if after.publications == before.publications:
            return
        # Out of the firewall before others can have them.
        await self.networks.unpublish(before.publications)
        if live is not None:
            live.ports.follow(after.publications, self.tasks)
        await self.networks.publish(after.publications)

    def _existing(self, container_id: str) -> Sandbox:
        sandbox = self._table.get(container_id)
        if sandbox is None:
            raise Conflict(f"container {container_id[:12]} has no network namespace of its own now")
        if not netlink.is_namespace(self._paths.namespaces / container_id):
            raise Conflict(
                f"the network namespace of container {container_id[:12]} is gone: somebody unmounted it",
                hint="restart the container",
            )
        return sandbox

    def _networks_of(self, sandbox: Sandbox) -> dict[str, NetworkRecord]:
        return {endpoint.network_id: self.networks.get(endpoint.network_id) for endpoint in sandbox.endpoints}
