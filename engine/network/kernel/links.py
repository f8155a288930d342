"""What links are wanted in the kernel. Pure data."""

from __future__ import annotations

from msgspec import Struct


class Bridge(Struct, frozen=True):
    """A wanted bridge; `addresses` are the gateways with their prefix (`172.18.0.1/16`). `alias` says whose it is,
    where its name does not.
    """

    name: str
    mac_address: str
    mtu: int
    addresses: tuple[str, ...]
    alias: str = ""


class Parent(Struct, frozen=True):
    """A link of the host that macvlans and ipvlans hang on. One that is not there is made: a VLAN of another link where
    `vlan` says which, else one that leads nowhere.
    """

    name: str
    alias: str
    vlan: tuple[str, int] | None = None


class Link(Struct, frozen=True):
    """A wanted connection of a namespace: a veth (`kind`) in a bridge, or a macvlan or ipvlan of a link, whose index
    `parent` is. `addresses` are with prefix; `mode` and `flag` are the kernel's numbers; an isolated veth reaches the
    bridge alone. Only a veth has a `host_name`.
    """

    parent: int
    host_name: str
    name: str
    mac_address: str
    mtu: int
    addresses: tuple[str, ...]
    sysctls: tuple[tuple[str, str], ...] = ()
    kind: str = "veth"
    mode: int = 0
    flag: int = 0
    is_isolated: bool = False

    @property
    def has_ipv6(self) -> bool:
        """Whether one of the addresses is an IPv6 one."""
        return any(":" in address for address in self.addresses)
