"""The drivers' options of a network (`com.docker.network.…`, `parent`, …), checked and as typed values. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

from msgspec import Struct

from engine.errors import BadRequest, EngineError

T = TypeVar("T")

_PREFIX: Final = "com.docker.network."
_BRIDGE: Final = f"{_PREFIX}bridge."
_MTU: Final = f"{_PREFIX}driver.mtu"

GatewayMode = Literal["nat", "nat-unprotected", "routed", "isolated"]
_GATEWAY_MODES: Final[dict[str, GatewayMode]] = {
    "": "nat",
    "nat": "nat",
    "nat-unprotected": "nat-unprotected",
    "routed": "routed",
    "isolated": "isolated",
}
# strconv.ParseBool's words, which Docker's clients may use.
_TRUTHS: Final = {"1": True, "t": True, "T": True, "TRUE": True, "true": True, "True": True} | {
    "0": False, "f": False, "F": False, "FALSE": False, "false": False, "False": False,
}  # fmt: skip
# linux/if_link.h: the numbers of the modes; the first is the default.
_MACVLAN_MODES: Final = {"bridge": 4, "private": 1, "vepa": 2, "passthru": 8}
_IPVLAN_MODES: Final = {"l2": 0, "l3": 1, "l3s": 2}
_IPVLAN_FLAGS: Final = {"bridge": 0, "private": 1, "vepa": 2}


class BridgeOptions(Struct, frozen=True):
    """What a bridge network's options ask for. `mtu` 0 is the host's; `host_ip` is where ports are published that
    name no address.
    """

    bridge_name: str = ""
    mtu: int = 0
    connects_containers: bool = True
    masquerades: bool = True
    host_ip: str = ""
    has_ipv4_address: bool = True
    gateway_mode4: GatewayMode = "nat"
    gateway_mode6: GatewayMode = "nat"
    interface_prefix: str = "eth"
    trusted_interfaces: tuple[str, ...] = ()

    def gateway_mode(self, version: int) -> GatewayMode:
        """How traffic of IP version 4 or 6 leaves."""
        return self.gateway_mode4 if version == 4 else self.gateway_mode6

    def translates(self, version: int) -> bool:
        """Whether ports of the host lead into this network, rather than its addresses being reached as they are."""
        return self.gateway_mode(version) in ("nat", "nat-unprotected")


class ParentOptions(Struct, frozen=True):
    """What a macvlan's or ipvlan's options ask for; without `parent` it gets a link of its own that leads nowhere."""

    parent: str
    mode: int
    flag: int = 0
    routes_by_link: bool = False
    interface_prefix: str = "eth"


def bridge_options(options: Mapping[str, str], *, internal: bool = False) -> BridgeOptions:
    """Read a bridge network's options; unknown ones are other people's. Raises `BadRequest`, as Docker does."""
    mtu = _read(options, _MTU, _number, 0)
    if mtu < 0:
        raise BadRequest(f"invalid MTU number: {mtu}")
    found = BridgeOptions(
        bridge_name=options.get(f"{_BRIDGE}name", ""),
        mtu=mtu,
        connects_containers=_read(options, f"{_BRIDGE}enable_icc", _truth, True),
        masquerades=_read(options, f"{_BRIDGE}enable_ip_masquerade", _truth, True),
        host_ip=_read(options, f"{_BRIDGE}host_binding_ipv4", _address, ""),
        has_ipv4_address=not _read(options, f"{_BRIDGE}inhibit_ipv4", _truth, False),
        gateway_mode4=_read(options, f"{_BRIDGE}gateway_mode_ipv4", _gateway_mode, "nat"),
        gateway_mode6=_read(options, f"{_BRIDGE}gateway_mode_ipv6", _gateway_mode, "nat"),
        interface_prefix=options.get(f"{_PREFIX}container_iface_prefix", "") or "eth",
        trusted_interfaces=tuple(filter(None, options.get(f"{_BRIDGE}trusted_host_interfaces", "").split(":"))),
    )
    _read(options, f"{_BRIDGE}default_bridge", _truth, False)
    if not internal and "isolated" in (found.gateway_mode4, found.gateway_mode6):
        raise EngineError("gateway mode 'isolated' can only be used for an internal network")
    return found


def parent_options(driver: str, options: Mapping[str, str]) -> ParentOptions:
    """Read a `macvlan` or `ipvlan` network's options. Raises `EngineError` for what Docker refuses."""
    modes = _MACVLAN_MODES if driver == "macvlan" else _IPVLAN_MODES
    default = next(iter(modes))
    mode = options.get(f"{driver}_mode", "") or default
    if mode not in modes:
        raise EngineError(
            f"requested {driver} mode '{mode}' is not valid, '{default}' mode is the {driver} driver default"
        )
    flag = options.get("ipvlan_flag", "") or "bridge"
    if driver == "ipvlan" and flag not in _IPVLAN_FLAGS:
        raise EngineError(f"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver default")
    parent = options.get("parent", "")
    if parent == "lo":
        raise EngineError(f"loopback interface is not a valid {driver} parent link")
    return ParentOptions(
        parent=parent,
        mode=modes[mode],
        flag=_IPVLAN_FLAGS.get(flag, 0) if driver == "ipvlan" else 0,
        routes_by_link=driver == "ipvlan" and mode != default,
        interface_prefix=options.get(f"{_PREFIX}container_iface_prefix", "") or "eth",
    )


def enables(options: Mapping[str, str], version: int, *, otherwise: bool) -> bool:
    """Whether IP version 4 or 6 is on, which the options may say instead of the request's own field."""
    return _read(options, f"{_PREFIX}enable_ipv{version}", _truth, otherwise)


def _read(options: Mapping[str, str], name: str, parse: Callable[[str], T], default: T) -> T:
    value = options.get(name)
    if value is None:
        return default
    try:
        return parse(value)
    except ValueError as exc:
        raise BadRequest(f"failed to parse {name} value: {value} ({exc})") from None


def _truth(text: str) -> bool:
    try:
        return _TRUTHS[text]
    except KeyError:
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax') from None


def _number(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("nil ip") from None


def _gateway_mode(text: str) -> GatewayMode:
    if text not in _GATEWAY_MODES:
        raise ValueError(f"unknown gateway mode {text}")
    return _GATEWAY_MODES[text]
