"""An inspection as Docker writes it: what Go leaves out of its JSON when it is empty, and what it writes as null.

Programs compare these texts, and templates (`docker inspect -f`) fail for a field that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.wire.containers import ContainerInspect

_LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    "Config": frozenset(
        {
            "ArgsEscaped", "ExposedPorts", "Healthcheck", "MacAddress", "NetworkDisabled", "Shell", "StopSignal",
            "StopTimeout",
        }
    ),
    "HostConfig": frozenset({"Annotations", "Init", "KernelMemoryTCP", "Mounts", "StorageOpt", "Sysctls", "Tmpfs"}),
    "Healthcheck": frozenset({"Interval", "Retries", "StartInterval", "StartPeriod", "Test", "Timeout"}),
}  # fmt: skip
# Here a zero is a wish, too.
_POINTERS: Final = frozenset({"Init", "StopTimeout"})
_OPTIONS: Final = frozenset({"BindOptions", "DriverConfig", "ImageOptions", "TmpfsOptions", "VolumeOptions"})
# Lists that docker's command line leaves unset; the others it sends empty, and empty they are shown.
_NULL: Final[Mapping[str, frozenset[str]]] = {
    "Config": frozenset({"Cmd", "Entrypoint", "OnBuild", "Volumes"}),
    "HostConfig": frozenset(
        {
            "Binds", "CapAdd", "CapDrop", "DeviceCgroupRules", "DeviceRequests", "ExtraHosts", "GroupAdd", "Links",
            "SecurityOpt", "VolumesFrom",
        }
    ),
}  # fmt: skip


def shown(inspection: ContainerInspect) -> dict[str, Any]:
    """The JSON object of `GET /containers/{id}/json`."""
    tree: dict[str, Any] = msgspec.to_builtins(inspection)
    config = tree["Config"]
    if config["Healthcheck"] is not None:
        config["Healthcheck"] = _section("Healthcheck", config["Healthcheck"])
    for name in ("Config", "HostConfig"):
        tree[name] = _section(name, tree[name])
    host = tree["HostConfig"]
    if "Mounts" in host:
        host["Mounts"] = [_filled(mount) for mount in host["Mounts"]]
    for request in host["DeviceRequests"] or ():
        request["DeviceIDs"] = request["DeviceIDs"] or None
    return tree


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is set; options that were given stay, even if nothing in them is set."""
    return {
        key: _filled(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if value or (key in _OPTIONS and value is not None)
    }


def _section(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    left_out, null = _LEFT_OUT[name], _NULL.get(name, frozenset())
    return {
        key: None if key in null and not value else value
        for key, value in fields.items()
        if value or key not in left_out or (key in _POINTERS and value is not None)
    }
