"""What an engine's process holds of a container's host ports: sockets that keep them, proxies that serve some."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import anyio.abc
from msgspec import Struct, field

from engine.network.ports import Reservation
from engine.network.proxies.datagrams import Relay
from engine.network.proxies.streams import Proxy
from engine.network.records import Publication


class HostPorts(Struct):
    """One container's. Make a reservation into these, then let them `follow` what is recorded:

    held = HostPorts(ports.reserve(…))
    held.follow(held.reservation.publications, tasks)
    held.close()
    """

    reservation: Reservation = field(default_factory=Reservation)
    _proxies: dict[str, Proxy | Relay] = field(default_factory=dict)

    def follow(self, publications: Iterable[Publication], tasks: anyio.abc.TaskGroup) -> None:
        """Lead the ports to where the container is now, and give back those that it no longer has."""
        current = {_key(item): item for item in publications}
        for publication, held in list(self.reservation.sockets):
            key = _key(publication)
            if key in current:
                self._serve(current[key], held, tasks)
            else:
                self._give_back(publication, held)
        self.reservation.publications = [item for item in self.reservation.publications if _key(item) in current]

    def close(self) -> None:
        """Give all back. Idempotent."""
        for proxy in self._proxies.values():
            proxy.close()
        self.reservation.close()

    def _serve(self, publication: Publication, held: socket.socket, tasks: anyio.abc.TaskGroup) -> None:
        """Proxied is all of IPv6, for the kernel does not translate what goes to `::1`, nor from IPv6 to IPv4; what it
        does translate never gets to the proxy.
        """
        target, port = publication.address6 or publication.address, publication.container_port
        if not publication.is_ipv6 or not target:
            return
        proxy = self._proxies.get(_key(publication))
        if proxy is not None:
            proxy.retarget(target, port)
            return
        is_stream = publication.protocol == "tcp"
        self._proxies[_key(publication)] = Proxy(held, tasks, target, port) if is_stream else Relay(held, target, port)

    def _give_back(self, publication: Publication, held: socket.socket) -> None:
        proxy = self._proxies.pop(_key(publication), None)
        if proxy is not None:
            proxy.close()
        held.close()
        self.reservation.sockets.remove((publication, held))


def _key(publication: Publication) -> str:
    return f"{publication.host_address}/{publication.protocol}"
