"""What links are wanted in the kernel. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bridge:
    """A wanted bridge; `addresses` are the gateways with their prefix (`172.18.0.1/16`)."""

    name: str
    mac_address: str
    mtu: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A wanted connection of a namespace with a bridge; `addresses` are with prefix."""

    bridge: str
    host_name: str
    name: str
    mac_address: str
    mtu: int
    addresses: tuple[str, ...]
    sysctls: tuple[tuple[str, str], ...] = ()

    @property
    def has_ipv6(self) -> bool:
        """Whether one of the addresses is an IPv6 one."""
        return any(":" in address for address in self.addresses)
