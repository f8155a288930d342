"""Taking what a container needs from the kernel, and giving it back: file system, mounts, network, namespaces."""

from __future__ import annotations

import logging
import shutil
import socket
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from engine.containers.concurrent import each_of, together
from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.making import namespaces, surroundings
from engine.containers.making.config import process_arguments, process_environment
from engine.containers.making.linked import linked
from engine.containers.making.mounts import in_order
from engine.containers.making.sources import Sources, share_memory, unshare_memory
from engine.containers.record import ContainerRecord
from engine.containers.streams.logs import journal_of, log_path
from engine.errors import BadRequest, Conflict, EngineError, NoSuchContainer, Unavailable
from engine.kernel.threads import brief, lengthy
from engine.runtime.oci.launch import HOST, Identity, Launch, Namespace, OciMount, cgroup_path
from engine.runtime.oci.users import resolve_identity

log = logging.getLogger(__name__)

_INIT_PROGRAMS = ("docker-init", "tini-static", "catatonit")


class _Found(Struct):
    """What the independent steps of a start found."""

    rootfs: Path = Path("/")
    mounts: tuple[OciMount, ...] = ()
    shared_memory: tuple[OciMount, ...] = ()
    identity: Identity | None = None
    network: Path | None = None
    hostname: str = ""
    variables: tuple[str, ...] = ()
    etc: Path = Path("/")
    files: Mapping[Path, str] = field(default_factory=dict[Path, str])


class _Held:
    """What a container has mounted on the host."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self._acts = acts
        self.is_released = False
        self.errors: list[Exception] = []

    def let_go(self) -> None:
        """Unmount everything, whatever goes wrong with one. Blocks."""
        self.is_released = True
        for act in self._acts:
            try:
                act()
            except Exception as exc:  # noqa: BLE001 - the caller looks at them
                self.errors.append(exc)


class Launcher:
    """Acquires and releases what a container holds in the kernel."""

    def __init__(self, drivers: Drivers, ledger: Ledger) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._sources = Sources(drivers)

    async def acquire(self, container: Container) -> Launch:
        """Get everything ready for the runtime. After an error some of it may be held: `release` it."""
        record = container.record
        modes = namespaces.modes_of(record.host_config)
        joined = {name: self._joined(name, modes) for name in modes.joined}
        found = _Found(etc=self.home(record.id))
        await together(
            partial(self._files, record, modes, joined, found),
            partial(self._network, record, modes, joined, found),
        )
        self._ledger.publish_mounts(record)
        return self._launch(record, modes, joined, found)

    async def release(self, container: Container) -> dict[str, Any]:
        """Give back everything, whatever there is; returns the changes that the caller has to record.

        What fails is logged and stays on the record as held, for the next recovery or removal.
        """
        record = container.record
        held = _Held(
            partial(self._drivers.networks.drop_namespace_now, record.id),
            partial(self._drivers.snapshots.unmount_now, record.id),
            partial(unshare_memory, self.home(record.id)),
        )
        errors = await each_of(partial(self._drivers.runtime.delete, record.id, also=held.let_go))
        if not held.is_released:
            await lengthy(held.let_go)
        errors += held.errors
        holders = {mount.name: self._ledger.volume_holders(mount.name) for mount in record.mounts if mount.name}
        unused = [name for name, users in holders.items() if set(users) <= {record.id}]
        errors += await each_of(
            partial(self._drivers.networks.close_sandbox, record.id),
            partial(self._sources.discard, record, unused),
        )
        for error in errors:
            log.error("container %s: something it held could not be released", record.id[:12], exc_info=error)
        if record.holds:
            self._ledger.publish_unmounts(record)
        return {"holds": bool(errors), "pid": 0}

    async def give_back(self, container: Container) -> None:
        """`release`, recorded."""
        await container.change(**await self.release(container))

    def home(self, container_id: str) -> Path:
        """The container's directory."""
        return self._drivers.paths.containers / container_id

    async def _files(
        self, record: ContainerRecord, modes: namespaces.Modes, joined: dict[str, Container], found: _Found
    ) -> None:
        owner = joined[namespaces.joined_container(modes.ipc)].record if modes.joins_ipc else record
        await brief(self._mount, record, owner, found)
        found.mounts = tuple(await self._sources.prepare(record, found.rootfs))

    def _mount(self, record: ContainerRecord, ipc_owner: ContainerRecord, found: _Found) -> None:
        if ipc_owner.host_config.ipc_mode == "shareable":
            found.shared_memory = (share_memory(self.home(ipc_owner.id), ipc_owner),)
        found.rootfs = self._drivers.snapshots.mount_now(record.id)
        found.identity = resolve_identity(found.rootfs, record.config.user, record.host_config.group_add)

    async def _network(
        self, record: ContainerRecord, modes: namespaces.Modes, joined: dict[str, Container], found: _Found
    ) -> None:
        if name := namespaces.joined_container(modes.network):
            self._share_network(joined[name].record, found)
            return
        if modes.network == "host":
            found.hostname = record.config.hostname or socket.gethostname()
            hosts, resolv_conf = surroundings.host_etc(
                record.host_config.extra_hosts,
                record.host_config.dns,
                record.host_config.dns_search,
                record.host_config.dns_options,
            )
        else:
            found.hostname = record.config.hostname or record.id[:12]
            links = linked(self._ledger, self._drivers, record, is_starting=True)
            found.variables = links.variables
            request = surroundings.sandbox_request(record, links.addresses)
            try:
                sandbox = await self._drivers.networks.open_sandbox(request)
            except EngineError as exc:
                exc.message = f"failed to set up container networking: {exc.message}"
                raise
            found.network, hosts, resolv_conf = Path(sandbox.namespace), sandbox.hosts, sandbox.resolv_conf
        found.files = surroundings.etc_files(found.etc, hosts=hosts, resolv_conf=resolv_conf, hostname=found.hostname)

    def _share_network(self, other: ContainerRecord, found: _Found) -> None:
        """Use another container's network, with its names and files."""
        sandbox = self._drivers.networks.sandbox(other.id)
        is_hosts = namespaces.modes_of(other.host_config).network == "host"
        found.network = Path(sandbox.namespace) if sandbox else None if is_hosts else Path(f"/proc/{other.pid}/ns/net")
        found.hostname = other.config.hostname or socket.gethostname()
        found.etc = self.home(other.id)

    def _joined(self, name: str, modes: namespaces.Modes) -> Container:
        try:
            container = self._ledger.get(name)
        except NoSuchContainer as exc:
            if modes.network == f"container:{name}":
                exc.message = f"joining network namespace of container: {exc.message}"
            raise
        if not container.is_alive:
            if modes.network == f"container:{name}":
                raise Conflict(
                    "cannot join network namespace of a non running container: "
                    f"container {container.name} is {container.status.value}"
                )
            if modes.pid == f"container:{name}":
                raise EngineError(f"failed to join PID namespace: container {container.id} is not running")
            raise Conflict(f"failed to join IPC namespace: container {container.id} is not running")
        is_shareable = container.record.host_config.ipc_mode == "shareable"
        if namespaces.joined_container(modes.ipc) == name and not is_shareable:
            raise BadRequest(
                f"failed to join IPC namespace: container {container.id}: non-shareable IPC",
                hint="use IpcMode:shareable for the donor container",
            )
        return container

    def _launch(
        self, record: ContainerRecord, modes: namespaces.Modes, joined: dict[str, Container], found: _Found
    ) -> Launch:
        assert found.identity is not None
        home = self.home(record.id)
        is_read_only = record.host_config.readonly_rootfs
        taken = [mount.destination for mount in found.mounts]
        etc = surroundings.etc_mounts(found.etc, taken, is_read_only=is_read_only)
        return Launch(
            container_id=record.id,
            config=record.config,
            host_config=record.host_config,
            arguments=process_arguments(record.config),
            environment=process_environment(record.config, found.hostname, found.variables),
            identity=found.identity,
            rootfs=found.rootfs,
            mounts=tuple(in_order((*found.shared_memory, *etc, *found.mounts))),
            hostname=found.hostname,
            network_namespace=found.network,
            pid_namespace=_namespace(modes.pid, "pid", joined),
            ipc_namespace=_namespace(modes.ipc, "ipc", joined),
            uts_namespace=_namespace(modes.uts, "uts", joined),
            cgroup=cgroup_path(record.host_config, record.id, self._drivers.paths.cgroup),
            log_path=log_path(record, home),
            journal=journal_of(record),
            terminal=record.config.tty,
            stdin_open=record.config.open_stdin,
            stdin_once=record.config.stdin_once,
            bundle=self._drivers.paths.runtime / record.id,
            files=found.files,
            init=_init_program() if record.host_config.init else None,
        )


def _namespace(mode: str, kind: str, joined: dict[str, Container]) -> Namespace:
    if mode == "host":
        return HOST
    name = namespaces.joined_container(mode)
    return Path(f"/proc/{joined[name].record.pid}/ns/{kind}") if name else None


@cache
def _init_program() -> Path:
    for name in _INIT_PROGRAMS:
        if found := shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"):
            return Path(found)
    raise Unavailable("no init program was found for --init", hint="apt-get install tini or catatonit")
