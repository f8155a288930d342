"""Devices of a container: nodes to make and rules about which may be used, as Docker's defaults."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from engine.errors import BadRequest, EngineError
from engine.wire.containers import DeviceMapping, DeviceRequest, HostConfig

_RULE = re.compile(r"([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})")
_PERMISSIONS = re.compile(r"[rwm]{1,3}")
# What `privileged` does not copy from the host's /dev: the container has its own.
_OWN = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"})


class DeviceNode(Struct, frozen=True):
    """A device file; `kind` is b or c, `mode` its permission bits."""

    path: str
    kind: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int

    def oci(self) -> dict[str, Any]:
        """The entry of `linux.devices`."""
        return {
            "path": self.path,
            "type": self.kind,
            "major": self.major,
            "minor": self.minor,
            "fileMode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
        }


def check_requests(requests: Sequence[DeviceRequest]) -> None:
    """Raise `EngineError` for devices by capability (GPUs): there is no driver that could find them."""
    for request in requests:
        if request.driver == "cdi":
            names = ", ".join(request.device_ids)
            raise EngineError(f"CDI device injection failed: unresolvable CDI devices {names}")
        wanted = " ".join(f"[{' '.join(names)}]" for names in request.capabilities)
        raise EngineError(
            f'could not select device driver "{request.driver}" with capabilities: [{wanted}]',
            hint="this engine has no drivers for GPUs; devices of /dev can be given with `devices`",
        )


def default_rules() -> list[dict[str, Any]]:
    """Deny everything but null, zero, full, random, urandom, tty and console; never fuse."""
    allowed = ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1))
    rules: list[dict[str, Any]] = [{"allow": False, "access": "rwm"}]
    rules += [_rule("c", major, minor, "rwm") for major, minor in allowed]
    rules.append(_rule("c", 10, 229, "rwm", is_allowed=False))
    return rules


def container_devices(config: HostConfig) -> tuple[list[DeviceNode], list[dict[str, Any]]]:
    """The nodes to make and the whole list of cgroup rules. Looks at the host's /dev.

    Raises `BadRequest`, and `EngineError` for what is no device there.
    """
    if config.privileged:
        nodes = list(_host_devices(Path("/dev")))
        for mapping in config.devices:
            if mapping.path_on_host != mapping.path_in_container:
                nodes += _mapped(mapping)
        return nodes, [{"allow": True, "access": "rwm"}]
    nodes = []
    rules = default_rules()
    for mapping in config.devices:
        found = _mapped(mapping)
        nodes += found
        rules += [_rule(node.kind, node.major, node.minor, mapping.cgroup_permissions or "rwm") for node in found]
    rules += [parse_rule(text) for text in config.device_cgroup_rules]
    return nodes, rules


def parse_rule(text: str) -> dict[str, Any]:
    """`c 189:* rmw` as an OCI rule. Raises `BadRequest`."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise BadRequest(f"invalid device cgroup rule format: '{text}'", hint="write TYPE MAJOR:MINOR rwm: c 189:* rmw")
    major, minor = (None if number == "*" else int(number) for number in (match[2], match[3]))
    return _rule(match[1], major, minor, match[4])


def device_numbers(path: str) -> tuple[int, int]:
    """Major and minor of a device on the host. Raises `BadRequest`."""
    node = _node(Path(path), path)
    if node is None:
        raise BadRequest(f"{path} is not a device")
    return node.major, node.minor


def _rule(kind: str, major: int | None, minor: int | None, access: str, *, is_allowed: bool = True) -> dict[str, Any]:
    rule: dict[str, Any] = {"allow": is_allowed, "type": kind, "access": access}
    if major is not None:
        rule["major"] = major
    if minor is not None:
        rule["minor"] = minor
    return rule


def _mapped(mapping: DeviceMapping) -> list[DeviceNode]:
    """The node of a mapping, or every node in a mapped directory (symlinks to either are followed)."""
    source = Path(mapping.path_on_host)
    inside = mapping.path_in_container or mapping.path_on_host
    if not _PERMISSIONS.fullmatch(mapping.cgroup_permissions or "rwm"):
        raise BadRequest(f"invalid device mode: {mapping.cgroup_permissions}", hint="use letters of rwm")
    if source.is_dir():
        found = [(path, f"{inside.rstrip('/')}/{path.relative_to(source)}") for path in sorted(source.rglob("*"))]
        return [node for path, target in found if (node := _node(path, target)) is not None]
    node = _node(source, inside)
    if node is None:
        raise EngineError(
            f'error gathering device information while adding custom device "{source}": not a device node'
        )
    return [node]


def _node(source: Path, inside: str) -> DeviceNode | None:
    try:
        status = source.stat()
    except OSError as exc:
        raise EngineError(
            f'error gathering device information while adding custom device "{source}": no such file or directory'
        ) from exc
    kind = "c" if stat.S_ISCHR(status.st_mode) else "b" if stat.S_ISBLK(status.st_mode) else ""
    if not kind:
        return None
    major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return DeviceNode(inside, kind, major, minor, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _host_devices(place: Path) -> Iterator[DeviceNode]:
    for entry in sorted(os.scandir(place), key=lambda found: found.name):
        if entry.name in _OWN or entry.is_symlink():
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _host_devices(Path(entry.path))
        elif (node := _node(Path(entry.path), entry.path)) is not None:
            yield node
