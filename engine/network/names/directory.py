"""Who is called what on which network, and what the name server therefore answers. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from engine.network.names import dns
from engine.network.names.dns import Question
from engine.network.records import DEFAULT_NETWORK, Endpoint, NetworkRecord, Sandbox


class _Names(Struct):
    """One network's names; values are endpoints in the order in which they came."""

    by_name: dict[str, list[Endpoint]] = field(default_factory=dict)
    by_address: dict[str, str] = field(default_factory=dict)


class Forward(Struct, frozen=True):
    """Not ours: ask these servers. None: only internal networks, nobody outside is asked."""

    servers: tuple[str, ...] | None


def names_of(container_id: str, container_name: str, endpoint: Endpoint) -> list[str]:
    """The names of a container on a network: its own, its aliases, its short id; none on the default network."""
    if endpoint.network_name == DEFAULT_NETWORK:
        return []
    return list(dict.fromkeys([container_name, *endpoint.aliases, container_id[:12]]))


class Directory:
    """Names of all containers, per network: a container sees those on networks that it is on, and no others."""

    def __init__(self) -> None:
        self._names: dict[str, _Names] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._networks: dict[str, NetworkRecord] = {}
        self._turn = 0

    def put(self, sandbox: Sandbox, networks: Mapping[str, NetworkRecord]) -> None:
        """Enter a container, or replace what was known of it. `networks` are those of its endpoints, by id."""
        self.remove(sandbox.id)
        self._sandboxes[sandbox.id] = sandbox
        self._networks.update(networks)
        for endpoint in sandbox.endpoints:
            names = self._names.setdefault(endpoint.network_id, _Names())
            for spelled in _spellings(sandbox, endpoint):
                names.by_name.setdefault(spelled, []).append(endpoint)
            if endpoint.network_name != DEFAULT_NETWORK:
                for address in filter(None, (endpoint.address, endpoint.address6)):
                    names.by_address[address] = f"{sandbox.container_name}.{endpoint.network_name}"

    def remove(self, container_id: str) -> None:
        """Forget a container."""
        sandbox = self._sandboxes.pop(container_id, None)
        if sandbox is None:
            return
        for endpoint in sandbox.endpoints:
            names = self._names.get(endpoint.network_id, _Names())
            for name in _spellings(sandbox, endpoint):
                names.by_name[name] = [other for other in names.by_name[name] if other.id != endpoint.id]
                if not names.by_name[name]:
                    del names.by_name[name]
            for address in (endpoint.address, endpoint.address6):
                names.by_address.pop(address, None)
            if not names.by_name and not names.by_address:
                self._names.pop(endpoint.network_id, None)

    def answer(self, container_id: str, question: Question, *, over_tcp: bool = False) -> bytes | Forward:
        """The answer to a question that a container asks, or where to forward it."""
        sandbox = self._sandboxes.get(container_id)
        if sandbox is None:
            return dns.failure(question, dns.SERVFAIL)
        if question.kind == dns.TYPE_PTR:
            found = self._reverse(sandbox, question)
            if found is not None:
                return found
        endpoints = self._find(sandbox, question.name)
        if endpoints:
            addresses = self._rotated(_addresses(endpoints, question.kind))
            return dns.reply(question, dns.NOERROR, addresses, over_tcp=over_tcp)
        networks = [self._networks[endpoint.network_id] for endpoint in sandbox.endpoints]
        if all(network.internal for network in networks):
            return Forward(None)
        return Forward(tuple(sandbox.dns))

    def _find(self, sandbox: Sandbox, name: str) -> list[Endpoint]:
        """Endpoints behind a name, from the first of the asker's networks that knows it."""
        for endpoint in sandbox.endpoints:
            names = self._names[endpoint.network_id].by_name if endpoint.network_id in self._names else {}
            found = names.get(_linked(endpoint, name))
            if found:
                return found
        return []

    def _reverse(self, sandbox: Sandbox, question: Question) -> bytes | None:
        """The name of an address on one of the asker's networks; there, an address without a name has none."""
        address = dns.reverse_address(question.name)
        if address is None:
            return None
        for endpoint in sandbox.endpoints:
            names = self._names.get(endpoint.network_id)
            if names and address in names.by_address:
                return dns.reply(question, dns.NOERROR, pointers=[names.by_address[address]])
        if any(_covers(self._networks[endpoint.network_id], address) for endpoint in sandbox.endpoints):
            return dns.reply(question, dns.NXDOMAIN)
        return None

    def _rotated(self, addresses: Sequence[str]) -> list[str]:
        if len(addresses) < 2:
            return list(addresses)
        self._turn += 1
        start = self._turn % len(addresses)
        return [*addresses[start:], *addresses[:start]]


def _spellings(sandbox: Sandbox, endpoint: Endpoint) -> list[str]:
    """Each name alone and with the network's name, in lower case."""
    own = names_of(sandbox.id, sandbox.container_name, endpoint)
    full = [spelled.lower() for name in own for spelled in (name, f"{name}.{endpoint.network_name}")]
    return list(dict.fromkeys(full))


def _addresses(endpoints: Iterable[Endpoint], kind: int) -> list[str]:
    chosen: list[str] = []
    for endpoint in endpoints:
        if kind in (dns.TYPE_A, dns.TYPE_ANY):
            chosen.append(endpoint.address)
        if kind in (dns.TYPE_AAAA, dns.TYPE_ANY):
            chosen.append(endpoint.address6)
    return list(dict.fromkeys(filter(None, chosen)))


def _linked(endpoint: Endpoint, name: str) -> str:
    """What a name means to the asker itself: links (`container:alias`) are private to it."""
    for link in endpoint.wishes.links or ():
        target, _, alias = link.partition(":")
        if (alias or target).lower() == name:
            return target.lstrip("/").lower()
    return name


def _covers(network: NetworkRecord, address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return any(
        parsed in ipaddress.ip_network(subnet.subnet)
        for subnet in network.subnets
        if (subnet.version == 6) == (":" in address)
    )
