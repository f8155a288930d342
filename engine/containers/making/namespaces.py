"""Which namespaces a container shares and with whom: the `*Mode` strings, read and checked. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.errors import BadRequest
from engine.wire.containers import ContainerConfig, HostConfig

_CONTAINER: Final = "container:"


class Modes(Struct, frozen=True):
    """The modes, each `private`, `host`, `none` or, with a name or id, the container to join."""

    network: str
    pid: str
    ipc: str
    uts: str

    @property
    def joined(self) -> tuple[str, ...]:
        """The containers that have to run first, by name or id."""
        named = (joined_container(mode) for mode in (self.network, self.pid, self.ipc))
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def joins_ipc(self) -> bool:
        """Whether the IPC namespace is another container's."""
        return bool(joined_container(self.ipc))


def modes_of(host: HostConfig) -> Modes:
    """Read the modes. Raises `BadRequest` for unknown ones."""
    network = host.network_mode if host.network_mode in ("host", "none") else "private"
    if host.network_mode == _CONTAINER:
        raise BadRequest("invalid network mode: invalid container format container:<name|id>")
    if host.network_mode.startswith(_CONTAINER):
        network = host.network_mode
    return Modes(
        network=network,
        pid=_mode(host.pid_mode, "PID", ("", "private", "host")),
        ipc=_mode(host.ipc_mode, "IPC", ("", "private", "shareable", "host", "none")),
        uts=_mode(host.uts_mode, "UTS", ("", "private", "host")),
    )


def joined_container(mode: str) -> str:
    """The container of a `container:X` mode, empty for the others."""
    return mode.removeprefix(_CONTAINER) if mode.startswith(_CONTAINER) else ""


def is_private_network(host: HostConfig) -> bool:
    """Whether the container has a network namespace of its own with networks to join."""
    return modes_of(host).network == "private"


def check_modes(config: ContainerConfig, host: HostConfig) -> None:
    """Raise `BadRequest` for wishes that the modes rule out, in Docker's words."""
    modes = modes_of(host)
    if joined_container(modes.network):
        for is_asked, words in (
            (config.hostname, "hostname and the network mode"),
            (
                host.links,
                "container type network can't be used with links. This would result in undefined behavior",
            ),
            (host.dns or host.dns_search or host.dns_options, "dns and the network mode"),
            (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
            (host.port_bindings or host.publish_all_ports, "port publishing and the container type network mode"),
            (config.exposed_ports, "port exposing and the container type network mode"),
        ):
            if is_asked:
                raise BadRequest(f"conflicting options: {words}")
    if modes.network == "host" and host.links:
        raise BadRequest(
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior"
        )
    if modes.uts == "host" and config.hostname:
        raise BadRequest("conflicting options: hostname and the UTS mode")


def _mode(text: str, kind: str, known: tuple[str, ...]) -> str:
    if joined_container(text):
        if kind == "UTS":
            raise BadRequest(f"invalid UTS mode: {text}")
        return text
    if text not in known:
        raise BadRequest(f"invalid {kind} mode: {text}")
    return text if text in ("host", "none") else "private"
