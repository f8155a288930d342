"""Links in the kernel. Everything here blocks: callers go through a thread.

What every container start needs goes as two batches of own messages (`rtnetlink`, 1 ms); the rest, which is rare
(disconnecting, repairing), uses pyroute2, imported when it comes to that because the import alone costs 150 ms.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from engine.errors import EngineError, as_failure
from engine.kernel.namespaces import furnish_network_namespace, inside_network
from engine.network.kernel import route_socket, rtnetlink, sysctls
from engine.network.kernel.links import Bridge, Link, Parent
from engine.network.kernel.linkviews import LinkView
from engine.network.kernel.netdevice import glance
from engine.network.kernel.route_socket import exchange, opened
from engine.network.kernel.rtnetlink import LOOPBACK_INDEX, Message, Sublink, VethEnd

_DEFAULT_MTU = 1500
# socket(7): more than the machine's limit for all programs, which holds 270 questions.
_SO_RCVBUFFORCE = 33
_DNS_RCVBUF_BYTES = 1 << 20
# What changing a bridge's port says of a link that is gone, and of one whose bridge was removed by hand.
_HEARD_BY_NOBODY = (errno.ENODEV, errno.EOPNOTSUPP)


class DnsSockets(Struct, frozen=True):
    """The embedded name server's sockets, opened inside a container's namespace."""

    datagram: socket.socket
    listener: socket.socket

    def close(self) -> None:
        """Close both."""
        self.datagram.close()
        self.listener.close()


def make_bridge(bridge: Bridge) -> None:
    """Make a bridge with its addresses, and let the host forward. Undoes itself. Raises `EngineError`."""
    with opened() as kernel:
        # Made and tagged by one system call: who is killed in between leaves no link without an owner.
        tag = [rtnetlink.set_alias(bridge.name, bridge.alias)] if bridge.alias else []
        exchange(kernel, [rtnetlink.create_bridge(bridge.name, bridge.mac_address, bridge.mtu), *tag])
        try:
            has_ipv6 = any(":" in address for address in bridge.addresses)
            sysctls.allow_forwarding(bridge.name, has_ipv6=has_ipv6)
            if not has_ipv6:
                sysctls.switch_off_ipv6(bridge.name)
            index = socket.if_nametoindex(bridge.name)
            wanted = [rtnetlink.add_address(index, address) for address in bridge.addresses]
            exchange(kernel, [*wanted, rtnetlink.set_up(index)])
        except BaseException:
            with contextlib.suppress(EngineError, OSError):
                exchange(kernel, [rtnetlink.delete_link(bridge.name)])
            raise


def adopt_bridge(bridge: Bridge) -> None:
    """Use a bridge that somebody made: give it what addresses it lacks, and let the host forward."""
    with opened() as kernel:
        sysctls.allow_forwarding(bridge.name, has_ipv6=any(":" in address for address in bridge.addresses))
        index = socket.if_nametoindex(bridge.name)
        wanted = [rtnetlink.add_address(index, address) for address in bridge.addresses]
        exchange(kernel, [*wanted, rtnetlink.set_up(index)], tolerate=(errno.EEXIST,))


def make_parent(parent: Parent) -> bool:
    """Make a parent link unless it is there; returns whether it was made. Raises `EngineError`."""
    if link_exists(parent.name):
        return False
    with opened() as kernel:
        try:
            if parent.vlan is None:
                message = rtnetlink.create_dummy(parent.name)
            else:
                below, number = parent.vlan
                message = rtnetlink.create_vlan(parent.name, socket.if_nametoindex(below), number)
            exchange(kernel, [message, rtnetlink.set_alias(parent.name, parent.alias)])
        except (EngineError, OSError) as exc:
            raise EngineError(
                f"failed to create {parent.name}, the parent link of the network: {_words(exc)}",
                hint="name a link of the host as `parent`, or load the kernel modules dummy and 8021q",
            ) from exc
    return True


def _words(exc: EngineError | OSError) -> str:
    return exc.message if isinstance(exc, EngineError) else exc.strerror or str(exc)


def delete_links(names: Sequence[str]) -> None:
    """Remove links; missing ones are fine. Slow (the kernel waits for its readers), so never per container."""
    with opened() as kernel:
        exchange(kernel, [rtnetlink.delete_link(name) for name in names], tolerate=(errno.ENODEV,))


def silence(names: Sequence[str]) -> None:
    """Let nothing more come to what is behind these ports of bridges. A namespace that was let go of is taken down a
    little later, and meanwhile it would answer for addresses that others have got by then. Missing ports are fine,
    and those that are in no bridge any more.
    """
    with opened() as kernel:
        exchange(kernel, [rtnetlink.forget_port(name) for name in names], tolerate=_HEARD_BY_NOBODY)


def ports(bridge: str) -> list[str]:
    """Names of the links in a bridge."""
    found = route_socket.find(bridge)
    return sorted(link.name for link in route_socket.every(found.index)) if found else []


def find_link(name: str) -> LinkView | None:
    """One of the host's links."""
    return route_socket.find(name)


def link_exists(name: str) -> bool:
    """Whether the host has a link of that name."""
    return glance(name) is not None


def is_namespace(path: Path) -> bool:
    """Whether a namespace is mounted on a file (it is not any more after a reboot)."""
    try:
        return path.stat().st_dev != path.parent.stat().st_dev
    except FileNotFoundError:
        return False


def links_of(tag: str) -> list[str]:
    """Links that an engine with this tag made: by name its bridges and, last, its veths; by alias all others."""
    own = alias(tag)
    return sorted(
        link.name
        for link in route_socket.every()
        if link.name.startswith((f"pc{tag}", f"pcv{tag}")) or link.alias == own
    )


def alias(tag: str) -> str:
    """What an engine notes on links whose names are not of its choice."""
    return f"pycompose {tag}"


def default_mtu() -> int:
    """The MTU of the link through which the host reaches the world."""
    with Path("/proc/net/route").open() as routes:
        for line in routes.readlines()[1:]:
            name, destination, *_rest = line.split()
            mask = _rest[5]
            if destination == mask == "00000000" and (found := route_socket.find(name)):
                return found.mtu
    return _DEFAULT_MTU


@contextmanager
def exclusive_host_network() -> Iterator[None]:
    """Keep other engines on this host network from choosing subnets meanwhile. Blocks; the kernel forgets the lock with
    the process that held it.
    """
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def furnish(
    namespace: Path, links: Sequence[Link], gateways: Sequence[tuple[str, str]], wanted_sysctls: Mapping[str, str]
) -> DnsSockets:
    """Make a namespace: loopback, links, addresses, default routes (interface, gateway), kernel parameters (`net.*`),
    and the sockets of the name server. Raises `EngineError` or `OSError`; then nothing is left of it.
    """
    with opened() as host:

        def inside() -> DnsSockets:
            sysctls.write("ipv6.conf.default.disable_ipv6", "1")
            with opened() as inner:
                exchange(inner, [rtnetlink.set_up(LOOPBACK_INDEX)])
                _plug(host, inner, links)
                _route(inner, gateways)
            for name, value in wanted_sysctls.items():
                sysctls.write_wanted(name, value)
            return open_dns_sockets()

        return furnish_network_namespace(namespace, inside)


def plug(namespace: Path, link: Link, gateways: Sequence[tuple[str, str]]) -> None:
    """Add a link to a running container's namespace and set its default routes anew. Undoes itself."""
    with opened() as host:

        def inside() -> None:
            with opened() as inner:
                existed = _index(link.name) is not None
                try:
                    _plug(host, inner, [link])
                    _route(inner, gateways)
                except BaseException:
                    if not existed and _index(link.name) is not None:
                        exchange(inner, [rtnetlink.delete_link(link.name)], tolerate=(errno.ENODEV,))
                    raise

        inside_network(namespace, inside)


def unplug(namespace: Path, name: str, gateways: Sequence[tuple[str, str]]) -> None:
    """Remove a link from a running container's namespace and set its default routes anew."""

    def inside() -> None:
        with opened() as inner:
            exchange(inner, [rtnetlink.delete_link(name)], tolerate=(errno.ENODEV,))
            _route(inner, gateways)

    inside_network(namespace, inside)


def interfaces(namespace: Path) -> dict[str, bool]:
    """The links of a namespace, and whether each is up."""

    def inside() -> dict[str, bool]:
        return {link.name: link.is_up for link in route_socket.every()}

    return inside_network(namespace, inside)


def reattach(bridge: str, names: Sequence[str]) -> None:
    """Put existing veths (back) into a bridge that was made anew."""
    from pyroute2 import IPRoute

    with IPRoute() as routes:
        (index,) = routes.link_lookup(ifname=bridge)
        for name in names:
            for port in routes.link_lookup(ifname=name):
                routes.link("set", index=port, master=index, state="up")


def reopen_dns_sockets(namespace: Path) -> DnsSockets:
    """The sockets of `furnish` again, for a container that outlived an engine."""
    return inside_network(namespace, open_dns_sockets)


def open_dns_sockets() -> DnsSockets:
    """Sockets at 127.0.0.11:53 of the calling thread's namespace."""
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # Who asks for a thousand names at once would else wait five seconds for those that found no room.
        datagram.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _DNS_RCVBUF_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in (datagram, listener):
            each.bind(("127.0.0.11", 53))
        listener.listen(1024)
    except BaseException:
        datagram.close()
        listener.close()
        raise
    return DnsSockets(datagram, listener)


def _plug(host: socket.socket, inner: socket.socket, links: Sequence[Link]) -> None:
    if not links:
        return
    namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        exchange(host, [message for link in links for message in _creation(link, namespace)])
    finally:
        os.close(namespace)
    wanted: list[Message] = []
    for link in links:
        if link.has_ipv6:
            sysctls.write(f"ipv6.conf.{link.name}.disable_ipv6", "0")
        index = socket.if_nametoindex(link.name)
        wanted += [rtnetlink.set_up(index), *(rtnetlink.add_address(index, each) for each in link.addresses)]
        for name, value in link.sysctls:
            with as_failure():
                sysctls.write_wanted(name, value)
    exchange(inner, wanted)


def _creation(link: Link, namespace: int) -> list[Message]:
    end = VethEnd(link.name, link.mac_address)
    if link.kind != "veth":
        sublink = Sublink(end, link.kind, link.mode, link.flag)
        return [rtnetlink.create_sublink(sublink, link.parent, namespace, link.mtu)]
    return [
        rtnetlink.create_veth(VethEnd(link.host_name), end, link.parent, namespace, link.mtu),
        # Where bridges ask the firewall, it keeps containers apart as well, and lets them reach published ports, which
        # are turned round inside the bridge: isolated ones would not.
        rtnetlink.bridge_port(link.host_name, is_isolated=link.is_isolated and not sysctls.bridges_are_filtered()),
    ]


def _index(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _route(inner: socket.socket, gateways: Sequence[tuple[str, str]]) -> None:
    exchange(inner, [rtnetlink.default_route(socket.if_nametoindex(name), gateway) for name, gateway in gateways])
