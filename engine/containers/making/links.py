"""Docker's older links, for containers of the default network, where nobody answers names. Pure.

A container that links to another knows it by an alias: in its hosts file, in variables that tell address and ports,
and the other container can also be called `CONTAINER/ALIAS`. A link is kept in the host configuration as `ID:ALIAS`,
so that it survives a new name; on networks of the user's own, links stay the names that they are.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Final

import msgspec
from msgspec import Struct

from engine.containers.record import ContainerRecord
from engine.wire.containers import HostConfig

_DEFAULT_NETWORK: Final = ("", "default", "bridge")
# What every image sets is not about the service.
_NOT_TOLD: Final = ("HOME", "PATH")


class Link(Struct, frozen=True):
    """`target` is the other container's id (a name in a request)."""

    target: str
    alias: str


def links_of(host: HostConfig) -> list[Link]:
    """The links of a container on the default network, each once."""
    if host.network_mode not in _DEFAULT_NETWORK:
        return []
    return list(dict.fromkeys(map(_parse, host.links)))


def kept_links(host: HostConfig, id_of: Callable[[str], str]) -> list[str]:
    """A request's links with the ids of the containers; an alias that is taken already is left out."""
    by_alias: dict[str, str] = {}
    for link in links_of(host):
        by_alias.setdefault(link.alias, id_of(link.target))
    return [f"{target}:{alias}" for alias, target in by_alias.items()] if by_alias else host.links


def without_link(host: HostConfig, alias: str) -> HostConfig:
    """The host configuration without the link of that alias."""
    kept = [f"{link.target}:{link.alias}" for link in links_of(host) if link.alias != alias]
    return msgspec.structs.replace(host, links=kept)


def shown_links(record: ContainerRecord, names: Mapping[str, str]) -> list[str]:
    """The links as an inspection shows them, by `names` of containers by id: `/db:/web/alias`."""
    links = links_of(record.host_config)
    if not links:
        return record.host_config.links
    return [f"/{names.get(link.target, link.target[:12])}:/{record.name}/{link.alias}" for link in links]


def second_names(records: Iterable[ContainerRecord]) -> dict[str, list[str]]:
    """What linked containers are also called, by id: `web/db`."""
    found: dict[str, list[str]] = {}
    for record in records:
        for link in links_of(record.host_config):
            found.setdefault(link.target, []).append(f"{record.name}/{link.alias}")
    return found


def host_names(link: Link, other: ContainerRecord) -> list[str]:
    """The names of a linked container in the hosts file."""
    return list(dict.fromkeys(name for name in (link.alias, other.config.hostname, other.name) if name))


def variables(link: Link, own_name: str, other: ContainerRecord, address: str) -> list[str]:
    """What a container is told of one that it links to: its names, ports and variables."""
    prefix = link.alias.upper().replace("-", "_")
    ports = _ports(other.config.exposed_ports)
    first = [f"{prefix}_PORT={_url(ports[0], address)}"] if ports else []
    ranges = [line for group in _runs(ports) for line in _range_variables(prefix, group, address)]
    single = [line for port in ports for line in _port_variables(prefix, port, address)]
    told = [
        f"{prefix}_ENV_{variable}"
        for variable in other.config.env
        if "=" in variable and variable.partition("=")[0] not in _NOT_TOLD
    ]
    return [f"{prefix}_NAME=/{own_name}/{link.alias}", *first, *ranges, *single, *told]


def _parse(text: str) -> Link:
    """`name`, `name:alias`, or what an inspection shows: `/name:/parent/alias`."""
    target, _, alias = text.partition(":")
    return Link(target.removeprefix("/"), posixpath.basename(alias) or target.removeprefix("/"))


_Port = tuple[int, str]


def _ports(exposed: Iterable[str]) -> list[_Port]:
    """Numbers and protocols in their order, TCP before the others of the same number."""
    found = [(number, protocol or "tcp") for number, _, protocol in (port.partition("/") for port in exposed)]
    numbered = [(int(number), protocol) for number, protocol in found if number.isdecimal()]
    return sorted(numbered, key=lambda port: (port[0], port[1] != "tcp", port[1]))


def _runs(ports: list[_Port]) -> list[list[_Port]]:
    """Ports of one protocol that follow one another, where there are several."""
    by_protocol = sorted(ports, key=lambda port: (port[1] != "tcp", port[1], port[0]))
    runs = groupby(enumerate(by_protocol), key=lambda item: (item[1][1], item[1][0] - item[0]))
    found = [[port for _, port in run] for _, run in runs]
    return [run for run in found if len(run) > 1]


def _url(port: _Port, address: str) -> str:
    return f"{port[1]}://{address}:{port[0]}"


def _range_variables(prefix: str, run: list[_Port], address: str) -> list[str]:
    first, last = run[0], run[-1]
    name = f"{prefix}_PORT_{first[0]}_{first[1].upper()}"
    return [
        f"{name}_START={_url(first, address)}",
        f"{name}_PORT_START={first[0]}",
        f"{name}_END={_url(last, address)}",
        f"{name}_PORT_END={last[0]}",
    ]


def _port_variables(prefix: str, port: _Port, address: str) -> list[str]:
    name = f"{prefix}_PORT_{port[0]}_{port[1].upper()}"
    return [
        f"{name}={_url(port, address)}",
        f"{name}_ADDR={address}",
        f"{name}_PORT={port[0]}",
        f"{name}_PROTO={port[1]}",
    ]
