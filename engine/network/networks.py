"""Networks as records and as bridges in the kernel.

A user's network has its bridge as long as it exists; that of the default network, and the firewall's table, exist
only while somebody uses them.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from engine.errors import BadRequest, Conflict, EngineError, Forbidden, NoSuchNetwork, NotImplementedHere
from engine.network import ipam, netlink, rules
from engine.network.conntrack import forget_udp_flows
from engine.network.firewall import Firewall
from engine.network.hostfiles import parse_resolv_conf
from engine.network.links import Bridge
from engine.network.nftables import Message
from engine.network.records import BRIDGE_DRIVER, DEFAULT_NETWORK, PREDEFINED, NetworkRecord, Publication, Subnet
from engine.network.rules import BridgeRules, Element
from engine.state.names import find, new_id
from engine.state.store import Store
from engine.undo import undo_on_error
from engine.wire.networks import IPAMConfig, NetworkCreateRequest

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_OPTION = "com.docker.network."


class Networks:
    """All networks of one engine. `in_use` tells whether a network has containers; `published` lists every published
    port, for making the firewall's table anew.
    """

    def __init__(
        self, tag: str, store: Store, *, in_use: Callable[[str], bool], published: Callable[[], Iterable[Publication]]
    ) -> None:
        self._tag = tag
        self._table = store.table("network", NetworkRecord)
        self._firewall = Firewall(tag)
        self._in_use = in_use
        self._published = published
        self._changing = anyio.Lock()
        self._live: dict[str, BridgeRules] = {}
        # Networks whose bridge is on its way out: it counts as gone, though it is still in `_live`.
        self._dropping: set[str] = set()
        self._addresses: dict[tuple[str, int], ipam.Addresses] = {}

    def close(self) -> None:
        """Let go of the kernel; the networks stay."""
        self._firewall.close()

    def __iter__(self) -> Iterator[NetworkRecord]:
        return iter(self._table)

    def get(self, name_or_id: str) -> NetworkRecord:
        """The network of that name or id. Raises `NoSuchNetwork`."""
        record = find(self._table, DEFAULT_NETWORK if name_or_id == "default" else name_or_id)
        if record is None:
            raise NoSuchNetwork(name_or_id)
        return record

    def bridge_name(self, record: NetworkRecord) -> str:
        """The name of a network's bridge in the kernel."""
        return f"pc{self._tag}{record.id[:8]}"

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

    async def create(self, request: NetworkCreateRequest) -> NetworkRecord:
        """Make a network: its record and its bridge, or nothing."""
        _refuse_unknown(request)
        async with self._changing, undo_on_error() as undo:
            if any(record.name == request.name for record in self._table):
                raise Conflict(f"network with name {request.name} already exists")
            wanted = _record(request)
            for subnet in wanted.subnets:
                ipam.refuse_overlap(subnet, [(other.name, each) for other in self._table for each in other.subnets])
            record = await anyio.to_thread.run_sync(self._make, wanted)
            undo.append(lambda: anyio.to_thread.run_sync(netlink.delete_bridge, self.bridge_name(record)))
            undo.append(lambda: self._forget_bridge(record))
            await self._know_bridge(record)
            await self._table.put(record)
        return record

    async def remove(self, record: NetworkRecord) -> None:
        """Remove a network that nobody uses. Raises `Forbidden`."""
        if record.is_predefined:
            raise Forbidden(f"{record.name} is a pre-defined network and cannot be removed")
        async with self._changing:
            if self._in_use(record.id):
                raise Forbidden(f"error while removing network: network {record.name} has active endpoints")
            with anyio.CancelScope(shield=True):
                await self._drop(record)
                await self._table.delete(record.id)

    async def ensure(self, record: NetworkRecord) -> NetworkRecord:
        """Make the bridge of the default network if it is not there; the answer may have another subnet than before."""
        is_live = record.id in self._live and record.id not in self._dropping
        if is_live or record.driver != BRIDGE_DRIVER:
            return record
        async with self._changing, undo_on_error() as undo:
            record = self._table.get(record.id) or record
            if record.id in self._live:
                return record
            made = await anyio.to_thread.run_sync(self._make, msgspec.structs.replace(record, subnets=[]))
            undo.append(lambda: anyio.to_thread.run_sync(netlink.delete_bridge, self.bridge_name(made)))
            undo.append(lambda: self._forget_bridge(made))
            await self._know_bridge(made)
            if made != record:
                self._addresses.pop((record.id, 4), None)
                await self._table.put(made)
        return made

    async def release(self, record: NetworkRecord) -> None:
        """Remove the default network's bridge again once nobody uses it."""
        if record.name != DEFAULT_NETWORK or record.id not in self._live:
            return
        async with self._changing:
            if record.id in self._live and not self._in_use(record.id):
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
            record
            for record in self._table
            if record.driver == BRIDGE_DRIVER and (not record.is_predefined or record.id in used)
        ]
        missing = [record for record in wanted if not netlink.link_exists(self.bridge_name(record))]
        for record in missing:
            await anyio.to_thread.run_sync(netlink.make_bridge, self._bridge(record))
        known = {self.bridge_name(record) for record in wanted}
        bridges = f"pc{self._tag}"
        for name in netlink.links_of(self._tag):
            if name.startswith(bridges) and name not in known:
                await anyio.to_thread.run_sync(netlink.delete_bridge, name)
        self._live = {record.id: self._rules(record) for record in wanted}
        if wanted:
            await self._rebuild([])
            await self._firewall.pass_docker()
        elif await self._firewall.table_exists():
            await self._drop_table()
        return missing

    def _make(self, record: NetworkRecord) -> NetworkRecord:
        """Choose the subnets that are still open and make the bridge. Blocks."""
        with netlink.exclusive_host_network():
            if record.enable_ipv4 and record.subnet(4) is None:
                record = self._with_free_subnet(record)
            netlink.make_bridge(self._bridge(record))
        return record

    def _with_free_subnet(self, record: NetworkRecord) -> NetworkRecord:
        previous = self._table.get(record.id)
        if previous is not None and previous.subnets:
            ours = ipaddress.ip_network(previous.subnets[0].subnet)
            if not any(ours.overlaps(taken) for taken in _host_networks() if taken.version == ours.version):
                return previous
        return msgspec.structs.replace(record, subnets=[self._free_subnet(), *record.subnets])

    def _free_subnet(self) -> Subnet:
        taken: list[ipam.IPNetwork] = list(_host_networks())
        taken += [ipaddress.ip_network(subnet.subnet) for record in self._table for subnet in record.subnets]
        return ipam.free_subnet(taken)

    def _bridge(self, record: NetworkRecord) -> Bridge:
        mtu = record.options.get(f"{_OPTION}driver.mtu", "")
        digest = hashlib.sha256(record.id.encode()).digest()
        return Bridge(
            name=self.bridge_name(record),
            mac_address=":".join(f"{byte:02x}" for byte in b"\x02" + digest[:5]),
            mtu=int(mtu) if mtu.isdigit() else netlink.default_mtu(),
            addresses=tuple(f"{subnet.gateway}/{subnet.prefix_length}" for subnet in record.subnets),
        )

    def _rules(self, record: NetworkRecord) -> BridgeRules:
        return BridgeRules(
            self.bridge_name(record),
            subnets=tuple(subnet.subnet for subnet in record.subnets),
            is_internal=record.internal,
            masquerades=record.options.get(f"{_OPTION}bridge.enable_ip_masquerade", "true") != "false",
            connects_containers=record.options.get(f"{_OPTION}bridge.enable_icc", "true") != "false",
        )

    async def _know_bridge(self, record: NetworkRecord) -> None:
        """Tell the firewall about a bridge; the first one brings the table."""
        is_first = not self._live
        self._live[record.id] = self._rules(record)
        elements = rules.bridge_elements(self._live[record.id])
        if is_first:
            await self._rebuild([])
            await self._firewall.pass_docker()
        else:
            await self._change_elements(rules.add(self._tag, elements), [])

    async def _forget_bridge(self, record: NetworkRecord) -> None:
        """Tell the firewall that a bridge is gone; the last one takes the table along."""
        bridge = self._live.pop(record.id, None)
        if not self._live:
            await self._drop_table()
        elif bridge is not None:
            await self._change_elements(rules.remove(self._tag, rules.bridge_elements(bridge)), [])

    async def _drop(self, record: NetworkRecord) -> None:
        self._dropping.add(record.id)
        try:
            await anyio.to_thread.run_sync(netlink.delete_bridge, self.bridge_name(record))
            await self._forget_bridge(record)
        finally:
            self._dropping.discard(record.id)
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


def _refuse_unknown(request: NetworkCreateRequest) -> None:
    if request.name in PREDEFINED:
        raise Forbidden(f"operation is not permitted on predefined {request.name} network")
    if not _NAME.fullmatch(request.name):
        raise BadRequest(f"invalid network name {request.name!r}", hint="use letters, digits, `_`, `.` and `-`")
    if request.driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{request.driver}" network is allowed')
    if request.driver not in ("", BRIDGE_DRIVER):
        raise NotImplementedHere(f"network driver {request.driver} is not supported", hint="use the bridge driver")
    if request.config_only or request.ingress:
        raise NotImplementedHere("config-only and ingress networks are not supported")
    if request.ipam and request.ipam.driver not in ("", "default"):
        raise NotImplementedHere(f"IPAM driver {request.ipam.driver} is not supported", hint="use the default one")
    if not request.enable_ipv4 and not request.enable_ipv6:
        raise BadRequest("IPv4 or IPv6 must be enabled")


def _record(request: NetworkCreateRequest) -> NetworkRecord:
    """The record, with the subnets that the user gave; a missing IPv4 one is chosen under the host's lock."""
    network_id = new_id()
    configs: list[IPAMConfig] = [config for config in (request.ipam.config if request.ipam else []) if config.subnet]
    subnets = [ipam.wanted_subnet(config) for config in configs]
    if request.enable_ipv6 and not any(subnet.version == 6 for subnet in subnets):
        subnets.append(ipam.unique_local_subnet(network_id))
    return NetworkRecord(
        id=network_id,
        name=request.name,
        driver=BRIDGE_DRIVER,
        created_ns=time.time_ns(),
        subnets=subnets,
        chosen_by_user=bool(configs),
        internal=request.internal,
        attachable=request.attachable,
        enable_ipv4=request.enable_ipv4,
        enable_ipv6=request.enable_ipv6,
        options=dict(request.options),
        labels=dict(request.labels),
        ipam_options=request.ipam.options if request.ipam else None,
    )


def _host_networks() -> list[ipaddress.IPv4Network]:
    """What the host's routes and name servers occupy (proc(5): /proc/net/route has addresses in host byte order)."""
    found = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        _name, destination, *_rest = columns = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(text), "little") for text in (destination, columns[7]))
        if mask:
            found.append(ipaddress.IPv4Network((address, mask.bit_count()), strict=False))
    with contextlib.suppress(OSError, ValueError):
        servers = parse_resolv_conf(Path("/etc/resolv.conf").read_text("utf-8", "replace")).servers
        found += [ipaddress.IPv4Network(server) for server in servers if ":" not in server]
    return found
