"""Creating a container: everything is checked and made, nothing runs yet."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.making import config as rules
from engine.containers.making import namespaces
from engine.containers.making.checks.endpoints import (
    MAC_IS_DEPRECATED,
    check_endpoints,
    check_links,
    check_mac_address,
)
from engine.containers.making.checks.host import check_host
from engine.containers.making.checks.limits import settle_limits
from engine.containers.making.defaults import BUILT_IN, with_defaults
from engine.containers.making.links import kept_links
from engine.containers.making.mounts import PlannedMount, plan_mounts
from engine.containers.names import check_name, generate_name
from engine.containers.record import ContainerRecord, MountRecord
from engine.errors import BadRequest, NoSuchContainer, NoSuchNetwork
from engine.images.platforms import check_platform, platform_warning
from engine.images.record import Image
from engine.network.records import NetworkRecord
from engine.registry.platforms import Platform, best_platform
from engine.runtime.facts import host_facts
from engine.state.names import new_id
from engine.undo import Undo, undo_on_error
from engine.wire.containers import ContainerConfig, ContainerCreateRequest, HostConfig
from engine.wire.networks import EndpointSettings

_DEFAULT_NETWORKS = ("", "default", "bridge")


class Creator:
    """Turns requests into containers."""

    def __init__(self, drivers: Drivers, ledger: Ledger) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self.defaults = BUILT_IN

    async def create(
        self, name: str, request: ContainerCreateRequest, *, platform: str = ""
    ) -> tuple[Container, Sequence[str]]:
        """Make a container in status `created`; returns with it what the client has to be warned of.

        After a failure nothing of it is left, but for named volumes.
        """
        name = name.removeprefix("/")
        if name:
            check_name(name)
        request, warnings = self._checked(request)
        identity = new_id()
        name = name or generate_name(self._ledger.is_taken)
        with self._ledger.reserve(name, identity):
            image = self._drivers.images.get(request.image)
            check_platform(image, request.image, Platform.parse(platform) if platform else None)
            if not platform and (foreign := platform_warning(image, best_platform())):
                warnings.append(foreign)
            # Whoever removes the image meanwhile only takes its name: the container stands on its layers.
            with self._drivers.images.holding(image.chain_ids):
                return await self._make(self._decide(identity, name, request, image), image), warnings

    def _checked(self, request: ContainerCreateRequest) -> tuple[ContainerCreateRequest, list[str]]:
        if not request.image and not rules.process_arguments(request):
            raise BadRequest("config cannot be empty in order to create a container")
        rules.check_request(request)
        host, runtimes = request.host_config, self._drivers.runtime.runtimes()
        check_host(host, runtimes)
        namespaces.check_modes(request, host)
        settled = settle_limits(host, host_facts())
        check_endpoints(request.networking_config.endpoints_config, self._network)
        check_links(host, self._ledger.get)
        host = with_defaults(settled.host, host_facts(), default_runtime=next(iter(runtimes), ""), told=self.defaults)
        warnings = list(settled.warnings)
        if request.mac_address:
            warnings.append(MAC_IS_DEPRECATED)
        if host.network_mode == "host" and host.port_bindings:
            warnings.append("Published ports are discarded when using host network mode")
        return msgspec.structs.replace(request, host_config=host), warnings

    def _network(self, name: str) -> NetworkRecord | None:
        try:
            return self._drivers.networks.get(name)
        except NoSuchNetwork:
            return None  # it may be made before the start

    def _decide(self, identity: str, name: str, request: ContainerCreateRequest, image: Image) -> ContainerRecord:
        host = request.host_config
        wish = rules.merged(request, image.config)
        is_hosts = host.network_mode == "host"
        wish = msgspec.structs.replace(
            wish,
            hostname=wish.hostname or (socket.gethostname() if is_hosts else identity[:12]),
            mac_address=wish.mac_address if namespaces.is_private_network(host) else "",
        )
        return ContainerRecord(
            id=identity,
            name=name,
            created_ns=time.time_ns(),
            image=request.image,
            image_id=image.id,
            config=wish,
            host_config=self._with_ids(host),
            networks=self._networks(request, host, wish),
        )

    async def _make(self, record: ContainerRecord, image: Image) -> Container:
        planned = plan_mounts(record.config, record.host_config, self._mounts_of)
        async with undo_on_error() as undo:
            with self._ledger.wanting_volumes(record.id) as wanted:
                container = await self._recorded(record, image, planned, wanted, undo)
        self._ledger.publish(container, "create")
        return container

    async def _recorded(
        self,
        record: ContainerRecord,
        image: Image,
        planned: Sequence[PlannedMount],
        wanted: list[str],
        undo: list[Undo],
    ) -> Container:
        mounts = []
        for mount in planned:
            mounts.append(await self._prepare(mount, record.host_config, undo))
            # Not a moment later: somebody may wait to remove the volume that we have just found or made.
            wanted += [mounts[-1].name] if mounts[-1].kind == "volume" else []
        record = msgspec.structs.replace(record, mounts=mounts)
        undo.append(partial(self._discard_files, record.id))
        await self._drivers.snapshots.create(record.id, image.chain_ids)
        return await self._ledger.add(record)

    async def _prepare(self, planned: PlannedMount, host: HostConfig, undo: list[Undo]) -> MountRecord:
        record = planned.record
        if record.kind == "bind" and not record.is_created:
            check_bind_source(record)
        if record.kind == "image":
            return msgspec.structs.replace(record, source=self._drivers.images.get(record.name).id)
        if planned.volume is None:
            return record
        wish = planned.volume
        if wish.driver in ("", "local") and host.volume_driver:
            wish = msgspec.structs.replace(wish, driver=host.volume_driver)
        volume = await self._drivers.volumes.create(wish)
        if record.is_anonymous:
            remove = self._drivers.volumes.remove
            undo.append(partial(remove, volume.name, force=True, used_by=self._ledger.volume_users))
        return msgspec.structs.replace(record, name=volume.name)

    def _mounts_of(self, name: str) -> Sequence[MountRecord]:
        return self._ledger.get(name).record.mounts

    def _with_ids(self, host: HostConfig) -> HostConfig:
        """Containers to join or to link to are remembered by id, so that a rename does not matter.

        Raises `BadRequest` for one that is not there; one whose network is joined may still come.
        """
        changes: dict[str, Any] = {"links": kept_links(host, lambda name: self._ledger.get(name).id)}
        for field in ("network_mode", "pid_mode", "ipc_mode"):
            joined = namespaces.joined_container(getattr(host, field))
            try:
                if joined:
                    changes[field] = f"container:{self._ledger.get(joined).id}"
            except NoSuchContainer as exc:
                if field != "network_mode":
                    raise BadRequest(exc.message) from exc
        return msgspec.structs.replace(host, **changes)

    def _networks(
        self, request: ContainerCreateRequest, host: HostConfig, config: ContainerConfig
    ) -> dict[str, EndpointSettings]:
        wishes = request.networking_config.endpoints_config
        if config.network_disabled or not namespaces.is_private_network(host):
            if any(name not in (host.network_mode, "host", "none") for name in wishes):
                raise BadRequest(
                    "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
                )
            return {}
        primary = "bridge" if host.network_mode in _DEFAULT_NETWORKS else host.network_mode
        first = self._network_name(primary)
        named = {
            self._network_name("bridge" if name in _DEFAULT_NETWORKS else name): settings
            for name, settings in wishes.items()
        }
        # A request that names networks means exactly those; the mode only says which is the first.
        networks = {first: named[first], **named} if first in named else named or {first: EndpointSettings()}
        first = next(iter(networks))
        check_mac_address(config.mac_address, first, networks[first])
        if config.mac_address and not networks[first].mac_address:
            networks[first] = msgspec.structs.replace(networks[first], mac_address=config.mac_address)
        return networks

    def _network_name(self, name: str) -> str:
        # A network that does not exist yet is an error of the start, as in Docker.
        try:
            return self._drivers.networks.get(name).name
        except NoSuchNetwork:
            return name

    async def _discard_files(self, container_id: str) -> None:
        await self._drivers.snapshots.remove(container_id)
        await anyio.to_thread.run_sync(
            partial(shutil.rmtree, self._drivers.paths.containers / container_id, ignore_errors=True)
        )


def check_bind_source(record: MountRecord) -> None:
    """Raise `BadRequest` if a bind mount's source is not there."""
    if not Path(record.source).exists():
        raise BadRequest(f'invalid mount config for type "bind": bind source path does not exist: {record.source}')
