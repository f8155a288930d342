"""Networks as records and as bridges (or parents of macvlans and ipvlans) in the kernel.

A user's network has its bridge as long as it exists; that of the default network, and the firewall's table, exist
only while somebody uses them, and a little longer. A bridge that somebody else removed comes back with the next
container.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import anyio
import anyio.to_thread
import msgspec

from engine.errors import BadRequest, Conflict, EngineError, Forbidden, NoSuchNetwork
from engine.kernel.threads import brief
from engine.network.departures import Departures
from engine.network.kernel import departing, netlink, rules
from engine.network.kernel.conntrack import forget_udp_flows
from engine.network.kernel.firewall import Firewall
from engine.network.kernel.links import Bridge, Parent
from engine.network.kernel.linkviews import LinkView
from engine.network.kernel.nftables import Message
from engine.network.kernel.occupied import host_networks
from engine.network.kernel.rules import BridgeRules, Element
from engine.network.planning import blueprints, ipam
from engine.network.planning.default_bridge import DefaultBridge
from engine.network.planning.wanted import given_subnets, wanted_network
from engine.network.records import (
    BRIDGE_DRIVER,
    DEFAULT_NETWORK,
    PARENT_DRIVERS,
    PREDEFINED,
    NetworkRecord,
    Publication,
    Subnet,
)
from engine.state.names import find, new_id
from engine.state.store import Store
from engine.undo import undo_on_error
from engine.wire.networks import NetworkCreateRequest

log = logging.getLogger(__name__)


class Networks:
    """All networks of one engine. `in_use` tells whether a network has containers; `published` lists every published
    port, for making the firewall's table anew; `reattach` puts what hung on a bridge on the one that replaces it.
    """

    def __init__(  # noqa: PLR0913 - what it works on, and what it asks of others
        self,
        tag: str,
        store: Store,
        departures: Departures,
        *,
        pools: Sequence[ipam.Pool] = ipam.DEFAULT_POOLS,
        in_use: Callable[[str], bool],
        published: Callable[[], Iterable[Publication]],
        reattach: Callable[[NetworkRecord], Awaitable[None]],
    ) -> None:
        self._tag = tag
        self._alias = netlink.alias(tag)
        self._table = store.table("network", NetworkRecord)
        self._firewall = Firewall(tag)
        self._departures = departures
        self._pools = pools
        self._in_use = in_use
        self._published = published
        self._reattach = reattach
        self._changing = anyio.Lock()
        self._live: dict[str, BridgeRules] = {}
        # Networks that are on their way out, or whose bridge is: these count as gone, though they can still be found.
        self._dropping: set[str] = set()
        self._addresses: dict[tuple[str, int], ipam.Addresses] = {}

    def close(self) -> None:
        """Let go of the kernel; the networks stay."""
        self._firewall.close()

    def __iter__(self) -> Iterator[NetworkRecord]:
        return iter(self._table)

    def get(self, name_or_id: str) -> NetworkRecord:
        """The network of that name or id. Raises `NoSuchNetwork`, or `BadRequest` if several begin so."""
        try:
            record = find(self._table, DEFAULT_NETWORK if name_or_id == "default" else name_or_id)
        except BadRequest as exc:
            count = sum(record.id.startswith(name_or_id) for record in self._table)
            raise BadRequest(f"network {name_or_id} is ambiguous ({count} matches found based on ID prefix)") from exc
        if record is None:
            raise NoSuchNetwork(name_or_id)
        return record

    def knows(self, network_id: str) -> bool:
        """Whether there is a network of that id, and its record can be read."""
        return self._table.get(network_id) is not None

    def has_bridge(self, network_id: str) -> bool:
        """Whether there is a network of that id, and it is a bridge. Also for other threads than the event loop's."""
        record = self._table.get(network_id)
        return record is not None and record.has_bridge

    def parent_name(self, record: NetworkRecord) -> str:
        """The name of the link in the kernel on which a network's containers hang: its bridge, or its parent."""
        if record.has_bridge:
            return record.bridge_options.bridge_name or f"pc{self._tag}{record.id[:8]}"
        prefix = "dm" if record.driver == "macvlan" else "di"
        return record.parent_options.parent or f"{prefix}-{record.id[:12]}"

    def addresses(self, record: NetworkRecord, version: int) -> ipam.Addresses | None:
        """The address pool of a network for IP version 4 or 6; None if it has none."""
        subnet = record.subnet(version)
        if subnet is None:
            return None
        key = record.id, version
        if key not in self._addresses:
            self._addresses[key] = ipam.Addresses(subnet)
        return self._addresses[key]

    async def know_predefined(self) -> None:
        """Make sure that `bridge`, `host` and `none` are known."""
        for name, driver in PREDEFINED.items():
            if find(self._table, name) is None:
                subnets = [self._free_subnet()] if driver == BRIDGE_DRIVER else []
                await self._table.put(
                    NetworkRecord(id=new_id(), name=name, driver=driver, created_ns=time.time_ns(), subnets=subnets)
                )

    async def configure_default(self, wish: DefaultBridge) -> None:
        """Make the default network as the settings say, unless containers are on it; for them it stays as it is."""
        record = self.get(DEFAULT_NETWORK)
        wanted = wish.applied_to(record)
        if wanted == record:
            return
        if self._in_use(record.id):
            log.warning("containers are on the default network: what the settings say of it counts once none is")
            return
        if not wanted.subnets:
            wanted = msgspec.structs.replace(wanted, subnets=[self._free_subnet()])
        self._addresses.pop((record.id, 4), None)
        await self._table.put(wanted)

    async def create(self, request: NetworkCreateRequest) -> tuple[NetworkRecord, str]:
        """Make a network: its record and its bridge, or nothing. Also returns what to warn of."""
        wanted = wanted_network(request, lambda name: find(self._table, name))
        async with self._changing, undo_on_error() as undo:
            self._refuse_conflict(wanted)
            # A parent's containers are meant to be where the host is.
            occupied = await brief(host_networks) if wanted.has_bridge and wanted.subnets else []
            warnings = ipam.overlaps(wanted.subnets, occupied)
            record = await anyio.to_thread.run_sync(self._make, wanted)
            undo.append(lambda: self._take_away(record))
            if record.has_bridge:
                undo.append(lambda: self._forget_bridge(record))
                await self._know_bridge(record)
            await self._table.put(record)
        return record, "; ".join(warnings)

    def _refuse_conflict(self, wanted: NetworkRecord) -> None:
        for other in self._table:
            if other.name == wanted.name:
                raise Conflict(f"network with name {wanted.name} already exists")
            if wanted.has_bridge and other.has_bridge and self.parent_name(wanted) == self.parent_name(other):
                raise Forbidden(f"conflicts with network {other.id} ({other.name}): networks have same bridge name")
        for subnet in wanted.subnets:
            ipam.refuse_overlap(subnet, [(other.name, each) for other in self._table for each in other.subnets])

    async def remove(self, record: NetworkRecord) -> None:
        """Remove a network that nobody uses. Raises `Forbidden`."""
        if record.is_predefined:
            raise Forbidden(f"{record.name} is a pre-defined network and cannot be removed")
        async with self._changing:
            if self._in_use(record.id):
                raise Forbidden(f"error while removing network: network {record.name} has active endpoints")
            if record.config_only and any(other.config_from == record.name for other in self._table):
                raise Forbidden(f'configuration network "{record.name}" is in use')
            with anyio.CancelScope(shield=True), self._departing(record):
                await self._drop(record)
                await self._table.delete(record.id)

    async def ensure(self, record: NetworkRecord) -> NetworkRecord:
        """Make the bridge of the default network if it is not there; the answer may have another subnet than before.
        A user's bridge that somebody removed is made again as it was. Raises `NoSuchNetwork` for one that is being
        removed.
        """
        if record.id not in self._dropping and self._is_ready(record):
            return record
        async with self._changing, undo_on_error() as undo:
            if not self.knows(record.id):
                raise NoSuchNetwork(record.name)
            record = self.get(record.id)
            if not record.has_bridge:
                return record
            if record.id in self._live:
                await self._restore(record)
                return record
            fixed = msgspec.structs.replace(record, subnets=given_subnets(record))
            made = await anyio.to_thread.run_sync(self._make, fixed)
            undo.append(lambda: self._take_away(made))
            # Before the bridge is known: who finds it there takes an address without waiting, of the subnet it has now.
            if made != record:
                self._addresses.pop((record.id, 4), None)
                await self._table.put(made)
            undo.append(lambda: self._forget_bridge(made))
            await self._know_bridge(made)
        return made

    def _is_ready(self, record: NetworkRecord) -> bool:
        return not record.has_bridge or (record.id in self._live and netlink.link_exists(self.parent_name(record)))

    async def drop_unused(self) -> None:
        """Remove the default network's bridge unless somebody uses it, or is about to."""
        record = self.get(DEFAULT_NETWORK)
        async with self._changing:
            if record.id in self._live and not self._in_use(record.id):
                with self._departing(record):
                    await self._drop(record)

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Add published ports to the firewall."""
        elements = rules.publication_elements(publications)
        await self._change_elements(rules.add(self._tag, elements), elements)
        udp_ports = {item.host_port for item in publications if item.protocol == "udp"}
        if udp_ports:
            await anyio.to_thread.run_sync(forget_udp_flows, udp_ports)

    async def unpublish(self, publications: Sequence[Publication]) -> None:
        """Remove published ports from the firewall. They must be out of `published` already."""
        await self._change_elements(rules.remove(self._tag, rules.publication_elements(publications)), [])

    async def recover(self, used: set[str]) -> list[NetworkRecord]:
        """Make the kernel agree with the records; `used` are ids of networks with containers. Returns the networks
        whose bridge had to be made anew.
        """
        wanted = [
            record for record in self._table if record.has_bridge and (not record.is_predefined or record.id in used)
        ]
        missing = [record for record in wanted if not netlink.link_exists(self.parent_name(record))]
        for record in missing:
            await anyio.to_thread.run_sync(netlink.make_bridge, self._bridge(record))
        parents = [record for record in self._table if record.driver in PARENT_DRIVERS]
        for record in parents:
            await anyio.to_thread.run_sync(self._restore_parent, record)
        known = {self.parent_name(record) for record in (*wanted, *parents)}
        veths = f"pcv{self._tag}"
        for name in netlink.links_of(self._tag):
            if not name.startswith(veths) and name not in known:
                await self._departures.see_off(await anyio.to_thread.run_sync(departing.delete_bridge, name))
        self._live = {record.id: self._rules(record) for record in wanted}
        if wanted:
            await self._rebuild([])
            await self._firewall.pass_docker(self._named())
        elif await self._firewall.table_exists():
            await self._drop_table()
        return missing

    def _make(self, record: NetworkRecord) -> NetworkRecord:
        """Choose the subnets that are still open and make the bridge or parent. Blocks."""
        if record.config_only:
            return record
        with netlink.exclusive_host_network():
            if record.enable_ipv4 and record.subnet(4) is None:
                record = self._with_free_subnet(record)
            if record.enable_ipv6 and record.subnet(6) is None:
                record = msgspec.structs.replace(record, subnets=[*record.subnets, self._free_subnet6(record)])
            if record.has_bridge:
                self._make_bridge(record)
            else:
                netlink.make_parent(self._parent(record))
        return record

    def _make_bridge(self, record: NetworkRecord) -> None:
        """Make a bridge, or use the one of the user's that has the wanted name."""
        bridge = self._bridge(record)
        existing = netlink.find_link(bridge.name) if bridge.alias else None
        if existing is not None:
            if existing.kind != "bridge":
                raise EngineError(f"existing interface {bridge.name} is not a bridge")
            netlink.adopt_bridge(bridge)
        else:
            netlink.make_bridge(bridge)

    async def _take_away(self, record: NetworkRecord) -> None:
        await self._departures.see_off(await anyio.to_thread.run_sync(self._unmake, record))

    def _unmake(self, record: NetworkRecord) -> dict[int, LinkView]:
        """Remove what `_make` made, but no link that was the user's before. Returns the containers' links that were in
        a bridge. Blocks.
        """
        name = self.parent_name(record)
        if record.config_only or not self._is_own_link(name) or self._is_shared(record):
            return {}
        return departing.delete_bridge(name)

    def _is_own_link(self, name: str) -> bool:
        """Whether a link, if it is there, was made here: its name tells, or its alias where a user chose the name."""
        if name.startswith(f"pc{self._tag}"):
            return True
        existing = netlink.find_link(name)
        return existing is not None and existing.alias == self._alias

    def _is_shared(self, record: NetworkRecord) -> bool:
        """Whether another network hangs on the same link: several macvlans may have one parent."""
        name = self.parent_name(record)
        others = (other for other in self._table if other.driver in PARENT_DRIVERS and other.id != record.id)
        return any(self.parent_name(other) == name for other in others)

    async def _restore(self, record: NetworkRecord) -> None:
        """Make a bridge again that somebody removed, and put back what hung on it."""
        if not netlink.link_exists(self.parent_name(record)):
            await anyio.to_thread.run_sync(netlink.make_bridge, self._bridge(record))
            await self._reattach(record)

    def _restore_parent(self, record: NetworkRecord) -> None:
        with contextlib.suppress(EngineError):  # who starts a container on it is told
            netlink.make_parent(self._parent(record))

    def _with_free_subnet(self, record: NetworkRecord) -> NetworkRecord:
        previous = self._table.get(record.id)
        if previous is not None and previous.subnets:
            ours = ipaddress.ip_network(previous.subnets[0].subnet)
            if not any(ours.overlaps(taken) for taken in host_networks() if taken.version == ours.version):
                return previous
        return msgspec.structs.replace(record, subnets=[self._free_subnet(), *record.subnets])

    def _free_subnet(self) -> Subnet:
        taken: list[ipam.IPNetwork] = list(host_networks())
        taken += [ipaddress.ip_network(subnet.subnet) for record in self._table for subnet in record.subnets]
        return ipam.free_subnet(taken, self._pools)

    def _free_subnet6(self, record: NetworkRecord) -> Subnet:
        """One of the machine's IPv6 pools, if it has any; else one that nobody in the world has."""
        if not any(pool.base.version == 6 for pool in self._pools):
            return ipam.unique_local_subnet(record.id)
        taken = [ipaddress.ip_network(subnet.subnet) for other in self._table for subnet in other.subnets]
        return ipam.free_subnet(taken, self._pools, 6)

    def _bridge(self, record: NetworkRecord) -> Bridge:
        return blueprints.bridge(record, self.parent_name(record), self._alias, netlink.default_mtu())

    def _parent(self, record: NetworkRecord) -> Parent:
        name = self.parent_name(record)
        return blueprints.parent(record, name, self._alias, is_there=netlink.link_exists(name))

    def _rules(self, record: NetworkRecord) -> BridgeRules:
        return blueprints.bridge_rules(record, self.parent_name(record))

    def _named(self) -> list[str]:
        """The bridges whose names do not say that they are ours."""
        return [bridge.bridge for bridge in self._live.values() if not bridge.bridge.startswith(f"pc{self._tag}")]

    async def _know_bridge(self, record: NetworkRecord) -> None:
        """Tell the firewall about a bridge; the first one brings the table."""
        is_first, bridge = not self._live, self._rules(record)
        needs_table = is_first or rules.needs_other_rules(bridge, self._live.values())
        self._live[record.id] = bridge
        elements = rules.bridge_elements(bridge)
        if needs_table:
            await self._rebuild([])
        else:
            await self._change_elements(rules.add(self._tag, elements), [])
        if is_first or record.bridge_options.bridge_name:
            await self._firewall.pass_docker(self._named())

    async def _forget_bridge(self, record: NetworkRecord) -> None:
        """Tell the firewall that a bridge is gone; the last one takes the table along."""
        bridge = self._live.pop(record.id, None)
        if not self._live:
            await self._drop_table()
        elif bridge is not None:
            await self._change_elements(rules.remove(self._tag, rules.bridge_elements(bridge)), [])
            if record.bridge_options.bridge_name:
                await self._firewall.pass_docker(self._named())

    @contextlib.contextmanager
    def _departing(self, record: NetworkRecord) -> Iterator[None]:
        """Let those who want a network wait until it is decided whether it stays."""
        self._dropping.add(record.id)
        try:
            yield
        finally:
            self._dropping.discard(record.id)

    async def _drop(self, record: NetworkRecord) -> None:
        await self._take_away(record)
        if record.has_bridge:
            await self._forget_bridge(record)
        for version in (4, 6):
            self._addresses.pop((record.id, version), None)

    async def _drop_table(self) -> None:
        await self._firewall.apply(rules.drop_table(self._tag))
        await self._firewall.unpass_docker()

    async def _change_elements(self, messages: Sequence[Message], added: Sequence[Element]) -> None:
        """Change elements; when the kernel's table is not as we left it (somebody flushed it), make it anew."""
        try:
            await self._firewall.apply(messages)
        except EngineError:
            await self._rebuild(added)

    async def _rebuild(self, added: Sequence[Element]) -> None:
        elements = [element for bridge in self._live.values() for element in rules.bridge_elements(bridge)]
        elements += rules.publication_elements(self._published())
        await self._firewall.apply(rules.whole_table(self._tag, list(dict.fromkeys([*elements, *added]))))
