"""What a container finds around its image's files: mounts, /etc/hosts and its siblings, its network's wishes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from engine.containers.creation import check_bind_source
from engine.containers.drivers import Drivers
from engine.containers.mounts import oci_mount
from engine.containers.record import ContainerRecord, MountRecord
from engine.errors import EngineError, NotFound
from engine.network.records import EndpointRequest, SandboxRequest
from engine.runtime.launch import OciMount
from engine.storage.copying import copy_tree
from engine.storage.rooted import resolve_in_root
from engine.wire.containers import PortBinding
from engine.wire.networks import EndpointSettings

_ETC_FILES: Final = ("resolv.conf", "hostname", "hosts")


class Sources:
    """Finds, makes and fills what a container mounts."""

    def __init__(self, drivers: Drivers) -> None:
        self._drivers = drivers

    async def prepare(self, record: ContainerRecord, rootfs: Path) -> list[OciMount]:
        """Get every mount's contents ready; the container's file system is mounted at `rootfs`."""
        return [
            oci_mount(mount, str(await self._source(record, mount, rootfs, number)))
            for number, mount in enumerate(record.mounts)
        ]

    async def discard(self, record: ContainerRecord, unused_volumes: Sequence[str]) -> None:
        """Unmount images, and volumes that no other container uses."""
        for number, mount in enumerate(record.mounts):
            if mount.kind == "image":
                await self._drivers.snapshots.unmount_at(self._image_place(record, number))
        for name in unused_volumes:
            await self._drivers.volumes.unmount(name)

    async def _source(self, record: ContainerRecord, mount: MountRecord, rootfs: Path, number: int) -> Path:
        if mount.kind == "volume":
            return await self._volume(mount, rootfs)
        if mount.kind == "image":
            place = self._image_place(record, number)
            image = self._drivers.images.get(mount.source)
            await self._drivers.snapshots.mount_read_only(place, image.chain_ids)
            return _below(place, mount.subpath)
        if mount.kind == "bind":
            if mount.is_created:
                make_bind_source(Path(mount.source))
            check_bind_source(mount)
        return Path(mount.source)

    async def _volume(self, mount: MountRecord, rootfs: Path) -> Path:
        path = await self._drivers.volumes.mount(mount.name)
        if mount.is_seeded:
            source = await anyio.to_thread.run_sync(resolve_in_root, rootfs, mount.destination)
            if source.is_dir():
                await self._drivers.volumes.seed(mount.name, partial(copy_tree, source))
        return _below(path, mount.subpath)

    def _image_place(self, record: ContainerRecord, number: int) -> Path:
        return self._drivers.paths.containers / record.id / "images" / str(number)


def make_bind_source(path: Path) -> None:
    """Make a missing bind source a directory, as Docker does for `-v`. Raises `EngineError`."""
    try:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    except FileExistsError:
        return  # a file, socket or device: mounted as it is
    except OSError as exc:
        raise EngineError(f"error while creating mount source path '{path}': mkdir {path}: {exc.strerror}") from exc


def etc_mounts(home: Path, taken: Iterable[str]) -> list[OciMount]:
    """The mounts of the generated files in `home` that the user did not replace."""
    users = set(taken)
    return [
        OciMount(f"/etc/{name}", str(home / name), "bind", ("rbind", "rprivate"))
        for name in _ETC_FILES
        if f"/etc/{name}" not in users
    ]


def write_etc(home: Path, *, hosts: str, resolv_conf: str, hostname: str) -> None:
    """Write the generated files into a container's directory, in place, because a living container has them mounted."""
    for name, text in (("hosts", hosts), ("resolv.conf", resolv_conf), ("hostname", f"{hostname}\n")):
        descriptor = os.open(home / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)


def host_etc(extra_hosts: Iterable[str]) -> tuple[str, str]:
    """The host's own hosts (with the container's additions) and resolv.conf, for a container in its network."""
    hosts = _text(Path("/etc/hosts"))
    for entry in extra_hosts:
        name, _, address = entry.partition(":" if ":" in entry else "=")
        hosts += f"{'127.0.0.1' if address == 'host-gateway' else address.strip('[]')}\t{name}\n"
    return hosts, _text(Path("/etc/resolv.conf"))


def sandbox_request(record: ContainerRecord, links: dict[str, str]) -> SandboxRequest:
    """What the container wants from its networks; `links` are addresses by alias, on the default bridge."""
    host = record.host_config
    endpoints = sorted(record.networks.items(), key=lambda item: -item[1].gw_priority)
    return SandboxRequest(
        container_id=record.id,
        container_name=record.name,
        hostname=record.config.hostname or record.id[:12],
        endpoints=tuple(EndpointRequest(name, _with_links(name, settings, record)) for name, settings in endpoints),
        ports=wanted_ports(record),
        dns=tuple(host.dns),
        dns_search=tuple(host.dns_search),
        dns_options=tuple(host.dns_options),
        extra_hosts=(*host.extra_hosts, *(f"{alias}:{address}" for alias, address in links.items())),
        sysctls={name: value for name, value in host.sysctls.items() if name.startswith("net.")},
    )


def wanted_ports(record: ContainerRecord) -> dict[str, tuple[PortBinding, ...]]:
    """The ports to publish, `80/tcp` to its bindings."""
    wanted = {
        port if "/" in port else f"{port}/tcp": tuple(bindings) or (PortBinding(),)
        for port, bindings in record.host_config.port_bindings.items()
    }
    if record.host_config.publish_all_ports:
        for port in record.config.exposed_ports:
            wanted.setdefault(port if "/" in port else f"{port}/tcp", (PortBinding(),))
    return wanted


def _with_links(network: str, settings: EndpointSettings, record: ContainerRecord) -> EndpointSettings:
    links = record.host_config.links
    if not links or network == "bridge" or settings.links:
        return settings
    return msgspec.structs.replace(settings, links=links)


def _below(path: Path, subpath: str) -> Path:
    if not subpath:
        return path
    found = resolve_in_root(path, subpath)
    if not found.exists():
        raise NotFound(f"cannot access path {path / subpath}: no such file or directory")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
