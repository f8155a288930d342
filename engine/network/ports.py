"""Host ports: which are wanted, which are free, and who has the others.

A published port leads into a container by the firewall, which no other program notices. So every port is also bound
here by a socket that never listens: others then get EADDRINUSE instead of a server that nobody reaches. IPv6 host
addresses are served by these sockets (see `streams.Proxy` and `datagrams.Relay`).
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from engine.errors import BadRequest, EngineError, PortInUse
from engine.kernel.sockets import owner_of, sockets_on
from engine.network.records import Publication
from engine.wire.containers import PortBinding

_KINDS: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
PROTOCOLS: Final = ("tcp", "udp", "sctp")
_PROC = Path("/proc")
_TIME_WAIT = "06"
_ANY_PORT_TRIES = 16
_BACKLOG = 4096


class TakenElsewhere(PortInUse):
    """The kernel says that a port is taken, by whom is not known yet."""

    def __init__(self, publication: Publication) -> None:
        super().__init__(publication.host_address, publication.protocol, None)
        self._publication = publication

    def with_owner(self) -> PortInUse:
        """The same error with the program that has the port, if it can be found. Blocks."""
        taken = self._publication
        return PortInUse(taken.host_address, taken.protocol, owner_of(taken.protocol, taken.host_port))


class Wish(Struct, frozen=True):
    """One wanted binding; `host_ports` are tried in order, none: any free one."""

    protocol: str
    container_port: int
    host_ip: str
    host_ports: range | None


class Target(Struct, frozen=True):
    """Where a container's ports are: its addresses on the network that leads outside ("": it has none). `host_ip` is
    where ports are published that name no address; with `routes4` or `routes6` they are open at the container itself.
    """

    address: str = ""
    address6: str = ""
    host_ip: str = ""
    routes4: bool = False
    routes6: bool = False


class Reservation(Struct):
    """Ports that one container has, with the sockets that keep them."""

    publications: list[Publication] = field(default_factory=list)
    sockets: list[tuple[Publication, socket.socket]] = field(default_factory=list)

    def close(self) -> None:
        """Give the ports back."""
        for _publication, held in self.sockets:
            held.close()


def wishes(ports: Mapping[str, Sequence[PortBinding]]) -> list[Wish]:
    """Read the API's port map, fixed ports first so that "any free" does not take them. Raises `BadRequest`."""
    found = []
    for key, bindings in ports.items():
        number, _, protocol = key.partition("/")
        protocol = (protocol or "tcp").lower()
        if protocol not in PROTOCOLS:
            raise BadRequest(f"invalid port {key!r}: unknown protocol {protocol}")
        container_port = _port(number, key)
        found += [
            Wish(protocol, container_port, _host_ip(binding.host_ip), _host_ports(binding.host_port, key))
            for binding in bindings
        ]
    return sorted(found, key=lambda wish: (wish.host_ports is None, len(wish.host_ports or ())))


def reserve(wanted: Iterable[Wish], target: Target, owners: Mapping[str, Sequence[Publication]]) -> Reservation:
    """Take all wanted ports or none. `owners` are the ports of other containers by name. Never blocks.

    Raises `PortInUse` naming the container, or `TakenElsewhere`.
    """
    reservation = Reservation()
    try:
        for wish in wanted:
            _take(wish, target, owners, reservation)
    except BaseException:
        reservation.close()
        raise
    return reservation


def hold_again(publications: Iterable[Publication]) -> tuple[Reservation, list[Publication]]:
    """Bind the sockets of a container that outlived an engine; the second value are those that others took."""
    reservation, lost = Reservation(), []
    for publication in publications:
        try:
            _bind(publication, reservation)
        except EngineError:
            lost.append(publication)
            reservation.publications.append(publication)
    return reservation, lost


def places(wanted: Iterable[Wish], target: Target) -> list[list[tuple[str, bool]]]:
    """On which of the host's addresses each wish is published, and whether it is open at the container itself instead.
    Between targets with equal places ports can move as they are.
    """
    return [[(host_ip, _is_routed(host_ip, target)) for host_ip in _host_ips(wish, target)] for wish in wanted]


def port_map(publications: Iterable[Publication]) -> dict[str, list[PortBinding]]:
    """What the API shows: `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}`."""
    shown: dict[str, list[PortBinding]] = {}
    for item in publications:
        binding = PortBinding(
            host_ip=item.host_ip or "0.0.0.0", host_port="" if item.is_routed else str(item.host_port)
        )
        shown.setdefault(item.key, []).append(binding)
    return shown


def _take(wish: Wish, target: Target, owners: Mapping[str, Sequence[Publication]], reservation: Reservation) -> None:
    failure: PortInUse | None = None
    for host_port in wish.host_ports if wish.host_ports is not None else [0] * _ANY_PORT_TRIES:
        attempt = Reservation()
        try:
            for host_ip in _host_ips(wish, target):
                # A port that the kernel chose for the first address is asked for by number on the second.
                chosen = next((item.host_port for item in attempt.publications if not item.is_routed), host_port)
                is_routed = _is_routed(host_ip, target)
                publication = Publication(
                    protocol=wish.protocol, host_ip=host_ip, host_port=0 if is_routed else chosen,
                    container_port=wish.container_port, address=target.address, address6=target.address6,
                    is_routed=is_routed,
                )  # fmt: skip
                _refuse_taken(publication, {**owners, "": reservation.publications})
                _bind(publication, attempt)
        except PortInUse as exc:
            attempt.close()
            failure = exc
            continue
        reservation.publications += attempt.publications
        reservation.sockets += attempt.sockets
        return
    assert failure is not None, "at least one port was tried"
    raise failure


def _host_ips(wish: Wish, target: Target) -> list[str]:
    """The host's addresses to publish on; "" stands for all IPv4 ones, `::` for all IPv6 ones. IPv4 addresses lead to
    IPv4 only; IPv6 ones to both, but for SCTP, which nothing of ours can pass on.
    """
    host_ip = wish.host_ip or target.host_ip
    wanted = [host_ip] if host_ip else ["", "::"] if has_ipv6() else [""]
    leads_over_ipv6 = bool(target.address6 or (target.address and wish.protocol in _KINDS))
    return [
        "" if address == "0.0.0.0" else address
        for address in wanted
        if (leads_over_ipv6 if ":" in address else bool(target.address))
    ]


def _is_routed(host_ip: str, target: Target) -> bool:
    return target.routes6 if ":" in host_ip else target.routes4


def has_ipv6() -> bool:
    """Whether sockets of the host can be bound to IPv6 addresses."""
    path = _PROC / "sys/net/ipv6/conf/all/disable_ipv6"
    return path.exists() and path.read_text().strip() == "0"


def _refuse_taken(publication: Publication, owners: Mapping[str, Sequence[Publication]]) -> None:
    for name, taken in owners.items():
        for other in taken:
            if _overlap(publication, other):
                owner = f"container {name}" if name else "the same container"
                raise PortInUse(publication.host_address, publication.protocol, owner)


def _overlap(one: Publication, other: Publication) -> bool:
    if one.host_port != other.host_port or one.protocol != other.protocol or one.is_ipv6 != other.is_ipv6:
        return False
    if one.is_routed or other.is_routed or not one.host_port:
        return False
    return one.host_ip == other.host_ip or "" in (one.host_ip, other.host_ip) or "::" in (one.host_ip, other.host_ip)


def _bind(publication: Publication, reservation: Reservation) -> None:
    kind = _KINDS.get(publication.protocol)
    if kind is None or publication.is_routed:  # SCTP: the firewall translates it, but nothing of ours can hold it
        reservation.publications.append(publication)
        return
    family = socket.AF_INET6 if publication.is_ipv6 else socket.AF_INET
    held = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        _bind_socket(held, publication)
        if publication.is_ipv6 and kind == socket.SOCK_STREAM:
            held.listen(_BACKLOG)
    except BaseException:
        held.close()
        raise
    bound = Publication(
        protocol=publication.protocol, host_ip=publication.host_ip, host_port=held.getsockname()[1],
        container_port=publication.container_port, address=publication.address, address6=publication.address6,
    )  # fmt: skip
    reservation.publications.append(bound)
    reservation.sockets.append((bound, held))


def _bind_socket(held: socket.socket, publication: Publication) -> None:
    if publication.is_ipv6:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # This one listens, and a listener of ours that just ended may have left connections in TIME_WAIT.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(publication.protocol == "tcp"))
    where = (publication.host_ip or "0.0.0.0", publication.host_port)
    try:
        try:
            held.bind(where)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE or not _only_time_wait(publication):
                raise
            # Bound so, it would let others bind (not listen) as well: only where there is no other way.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(where)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError as exc:
        raise _translated(exc, publication) from exc


def _translated(exc: OSError, publication: Publication) -> EngineError:
    if exc.errno == errno.EADDRINUSE:
        return TakenElsewhere(publication)
    return EngineError(
        f"cannot publish port {publication.host_address}/{publication.protocol}: {exc.strerror}",
        hint="the host address must be one of this machine" if exc.errno == errno.EADDRNOTAVAIL else None,
    )


def _only_time_wait(publication: Publication) -> bool:
    """Whether what keeps a port are only connections that ended (they do so for a minute)."""
    if publication.protocol != "tcp" or not publication.host_port:
        return False
    states = {state for _inode, state in sockets_on("tcp", publication.host_port, None)}
    return states == {_TIME_WAIT}


def _host_ip(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError as exc:
        raise BadRequest(f"invalid IP address: {text}") from exc


def _host_ports(text: str, key: str) -> range | None:
    if text in ("", "0"):
        return None
    first, _, last = text.partition("-")
    ports = range(_port(first, key), _port(last or first, key) + 1)
    if not ports:
        raise BadRequest(f"invalid host port range {text!r} for {key}")
    return ports


def _port(text: str, key: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise BadRequest(f"invalid port {text!r} in {key!r}", hint="ports are 1 to 65535")
    return int(text)
