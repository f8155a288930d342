"""Wishes about networks at a container's creation: refused in Docker's words. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from engine.errors import BadRequest, EngineError
from engine.network.planning.wishes import checked_wishes
from engine.network.records import NetworkRecord
from engine.wire.containers import HostConfig
from engine.wire.networks import EndpointIPAMConfig, EndpointSettings

# Whose containers have no names and addresses of their choice.
_PREDEFINED: Final = ("", "default", "bridge", "host", "none")
_MAC: Final = re.compile(r"([0-9a-fA-F]{2})([:-][0-9a-fA-F]{2}){5}")

MAC_IS_DEPRECATED: Final = (
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
)


def check_endpoints(endpoints: Mapping[str, EndpointSettings], find: Callable[[str], NetworkRecord | None]) -> None:
    """Raise `BadRequest` for settings that no network can give, or not the one that `find` knows by that name; with all
    that is wrong of one network.
    """
    for name, settings in endpoints.items():
        record = find(name)
        network = record.name if record else name
        if settings.mac_address and not _MAC.fullmatch(settings.mac_address):
            raise _invalid(network, f"invalid MAC address {settings.mac_address}")
        problems = list(_problems(network, settings))
        if problems:
            text = problems[0] if len(problems) == 1 else "\n".join(f"* {problem}" for problem in problems)
            raise _invalid(network, f"invalid endpoint settings:\n{text}")
        if record is not None:
            try:
                checked_wishes(settings, record)
            except BadRequest as exc:
                raise _invalid(network, exc.message) from exc


def check_mac_address(mac_address: str, network: str, endpoint: EndpointSettings) -> None:
    """Raise `BadRequest` if the container's own MAC address is none, or not that of its first endpoint."""
    if mac_address and not _MAC.fullmatch(mac_address):
        raise _invalid(network, f"invalid MAC address {mac_address}")
    if mac_address and endpoint.mac_address not in ("", mac_address):
        raise BadRequest(
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
            "or be left empty"
        )


def check_links(host: HostConfig, find: Callable[[str], object]) -> None:
    """Raise `BadRequest` for links to containers that are not there; `find` raises for those.

    On networks of the user's own, links are only names: the other container may come later.
    """
    is_custom = host.network_mode not in _PREDEFINED and ":" not in host.network_mode
    for link in () if is_custom else host.links:
        if link.count(":") > 1:
            raise EngineError(f"bad format for links: {link}")
        name = link.partition(":")[0]
        try:
            if not name:
                raise BadRequest('invalid name or ID supplied: ""')
            find(name)
        except EngineError as exc:
            raise BadRequest(f"could not get container for {name}: {exc.message}") from exc


def _problems(network: str, settings: EndpointSettings) -> Iterable[str]:
    wish = settings.ipam_config or EndpointIPAMConfig()
    if network in _PREDEFINED:
        if wish.ipv4_address or wish.ipv6_address:
            yield "user specified IP address is supported on user defined networks only"
        if settings.aliases:
            yield "network-scoped alias is supported only for containers in user defined networks"
    for words, address, version in (
        ("IPv4", wish.ipv4_address, 4),
        ("IPv6", wish.ipv6_address, 6),
        *(("link-local IP", text, 0) for text in wish.link_local_ips),
    ):
        if address and _version(address) not in ((4, 6) if version == 0 else (version,)):
            yield f"invalid {words} address: {address}"


def _version(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


def _invalid(network: str, reason: str) -> BadRequest:
    return BadRequest(f"invalid config for network {network}: {reason}")
