"""What a container that exists is going to ask of the host when it is started. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from compose.plan.deciding.preflight import PublishedPort
from compose.plan.materials import Material
from engine.wire.containers import HostConfig


def fixed_ports(name: str, config: HostConfig) -> Iterator[PublishedPort]:
    """The ports of the host that it publishes; of a range, or without a number, the engine takes one that is free."""
    for key, bindings in sorted(config.port_bindings.items()):
        protocol = key.partition("/")[2] or "tcp"
        for binding in bindings or ():
            if binding.host_port.isdecimal() and int(binding.host_port):
                yield PublishedPort(name, int(binding.host_port), protocol, binding.host_ip)


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
