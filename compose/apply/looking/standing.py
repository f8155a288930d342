"""What a container that exists is going to ask of the host when it is started. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from compose.plan.deciding.addressing import Place
from compose.plan.deciding.preflight import Conflict, PublishedPort
from compose.plan.materials import Material
from engine.wire.containers import ContainerInspect, HostConfig
from engine.wire.networks import EndpointSettings


def fixed_ports(name: str, config: HostConfig) -> Iterator[PublishedPort]:
    """The ports of the host that it publishes; of a range, or without a number, the engine takes one that is free."""
    for key, bindings in sorted(config.port_bindings.items()):
        protocol = key.partition("/")[2] or "tcp"
        for binding in bindings or ():
            if binding.host_port.isdecimal() and int(binding.host_port):
                yield PublishedPort(name, int(binding.host_port), protocol, binding.host_ip)


def fixed_places(container: ContainerInspect) -> Iterator[Place]:
    """The addresses that it was made to have."""
    for network, place in container.network_settings.networks.items():
        if place.ipam_config:
            for address in filter(None, (place.ipam_config.ipv4_address, place.ipam_config.ipv6_address)):
                yield Place(container.name.removeprefix("/"), network, address)


def bind_sources(name: str, config: HostConfig) -> Iterator[Material]:
    """The paths of the host that it mounts and that nobody creates."""
    for mount in config.mounts or ():
        if mount.type == "bind" and not (mount.bind_options and mount.bind_options.create_mountpoint):
            yield Material(
                mount.source,
                "engine",
                f"container {name} mounts {mount.source}, which is not there",
                "create it, or have the container made anew by `pycompose up`",
                (),
            )


def lost_networks(
    places: Mapping[str, Mapping[str, EndpointSettings]], networks: Collection[str]
) -> Iterator[Conflict]:
    """The networks that are gone. `places` are those of each container, `networks` the names and ids that there are."""
    lost: dict[str, list[str]] = {}
    for container, joined in sorted(places.items()):
        for network, place in joined.items():
            if network not in networks and place.network_id not in networks:
                lost.setdefault(network, []).append(container)
    for network, containers in lost.items():
        whose = f"container{'s' if len(containers) > 1 else ''} {', '.join(containers)}"
        yield Conflict(
            f"network {network} of {whose} is gone", "`pycompose up` makes it again and starts what is on it", ()
        )
