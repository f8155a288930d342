"""A layer in the making: an image's files with an upper directory that a step writes to, and programs run on them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from msgspec import Struct

from engine.containers.drivers import Drivers
from engine.containers.making import surroundings
from engine.containers.making.config import process_environment
from engine.errors import BadRequest
from engine.network.records import DEFAULT_NETWORK, EndpointRequest, SandboxRequest
from engine.runtime.oci.launch import Launch, OciMount, cgroup_path
from engine.runtime.oci.users import resolve_identity
from engine.state.names import new_id
from engine.storage.deletion import delete_tree
from engine.storage.layers import CapturedLayer, Layers
from engine.storage.rooted import resolve_in_root
from engine.wire.containers import ContainerConfig, HostConfig

_MARK: Final = "build"
_ALWAYS_MOUNTED: Final = ("/proc", "/dev", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")

# Takes a piece of a program's output, and of which stream it is (1 stdout, 2 stderr).
Write = Callable[[int, bytes], Awaitable[None]]


class Program(Struct, frozen=True, kw_only=True):
    """What a RUN runs. `config` gives user, directory and variables; `network` is "default", "none", "host" or the
    name of a network.
    """

    arguments: tuple[str, ...]
    config: ContainerConfig
    host: HostConfig
    mounts: tuple[OciMount, ...] = ()
    network: str = "default"


class Unfinished:
    """A layer in the making; `rootfs` shows the layers below with what was changed."""

    def __init__(self, identity: str, rootfs: Path, chain_ids: Sequence[str], drivers: Drivers) -> None:
        self.id = identity
        self.rootfs = rootfs
        self._chain_ids = chain_ids
        self._drivers = drivers

    async def run(self, program: Program, write: Write) -> int:
        """Run a program in a container on these files; returns its exit code.

        Raises what keeps it from running. Cancelled, it is killed.
        """
        stubs = await anyio.to_thread.run_sync(self._missing, [mount.destination for mount in program.mounts])
        try:
            return await self._run(program, write)
        finally:
            with anyio.CancelScope(shield=True):
                await self._drivers.runtime.delete(self.id)
                await self._drivers.networks.close_sandbox(self.id)
                await anyio.to_thread.run_sync(_remove_stubs, stubs)

    async def capture(self, layers: Layers) -> CapturedLayer:
        """Make the layer of what was changed; nothing more can be done with this afterwards."""
        await self._drivers.snapshots.unmount(self.id)
        upper = self._drivers.paths.containers / self.id / "upper"
        return await anyio.to_thread.run_sync(partial(layers.capture, upper, self._chain_ids, moves=True))

    async def _run(self, program: Program, write: Write) -> int:
        launch = await self._launch(program)
        runtime = self._drivers.runtime
        await runtime.create(launch)
        async with runtime.attach(self.id) as console:
            await runtime.start(self.id)
            while True:
                try:
                    stream, data = await console.receive()
                except anyio.EndOfStream:
                    break
                await write(stream, data)
        return (await runtime.wait(self.id)).exit_code

    async def _launch(self, program: Program) -> Launch:
        home = self._drivers.paths.containers / self.id
        hostname = self.id[:12]
        namespace: Path | None = None
        if program.network == "host":
            hosts, resolv_conf = surroundings.host_etc(program.host.extra_hosts)
        else:
            sandbox = await self._drivers.networks.open_sandbox(_network(self.id, program))
            namespace, hosts, resolv_conf = Path(sandbox.namespace), sandbox.hosts, sandbox.resolv_conf
        identity = await anyio.to_thread.run_sync(resolve_identity, self.rootfs, program.config.user, ())
        destinations = [mount.destination for mount in program.mounts]
        return Launch(
            container_id=self.id,
            config=program.config,
            host_config=program.host,
            arguments=program.arguments,
            environment=process_environment(program.config, hostname),
            identity=identity,
            rootfs=self.rootfs,
            mounts=(*surroundings.etc_mounts(home, destinations), *program.mounts),
            hostname=hostname,
            network_namespace=namespace,
            cgroup=cgroup_path(program.host, self.id, self._drivers.paths.cgroup),
            bundle=self._drivers.paths.runtime / self.id,
            files=surroundings.etc_files(home, hosts=hosts, resolv_conf=resolv_conf, hostname=hostname),
        )

    def _missing(self, destinations: Sequence[str]) -> list[Path]:
        """The places, parents first, that the runtime has to make only so that something can be mounted there."""
        places: list[Path] = []
        for destination in (*_ALWAYS_MOUNTED, *destinations):
            place = resolve_in_root(self.rootfs, destination)
            chain = []
            while place != self.rootfs and not os.path.lexists(place):
                chain.append(place)
                place = place.parent
            places += [item for item in reversed(chain) if item not in places]
        return places


@asynccontextmanager
async def unfinished(drivers: Drivers, chain_ids: Sequence[str]) -> AsyncIterator[Unfinished]:
    """A layer in the making on top of others, for the block. What is not captured is gone afterwards."""
    identity = new_id()
    home = drivers.paths.containers / identity
    await anyio.to_thread.run_sync(_begin, home)
    try:
        await drivers.snapshots.create(identity, chain_ids)
        yield Unfinished(identity, await drivers.snapshots.mount(identity), chain_ids, drivers)
    finally:
        with anyio.CancelScope(shield=True):
            await drivers.snapshots.remove(identity)
            await anyio.to_thread.run_sync(delete_tree, home)


async def recover(drivers: Drivers) -> None:
    """Remove what builds of an earlier engine left running or mounted."""
    marks = await anyio.to_thread.run_sync(lambda: list(drivers.paths.containers.glob(f"*/{_MARK}")))
    for mark in marks:
        identity = mark.parent.name
        await drivers.runtime.delete(identity)
        await drivers.networks.close_sandbox(identity)
        await drivers.snapshots.remove(identity)
        await anyio.to_thread.run_sync(delete_tree, mark.parent)


def _begin(home: Path) -> None:
    home.mkdir(mode=0o711)
    (home / _MARK).touch()


def _network(identity: str, program: Program) -> SandboxRequest:
    if program.network.startswith("container:"):
        raise BadRequest("a build cannot join another container's network", hint="use default, none or host")
    names = {"none": (), "default": (DEFAULT_NETWORK,), "": (DEFAULT_NETWORK,)}.get(program.network, (program.network,))
    return SandboxRequest(
        container_id=identity,
        container_name=f"build-{identity[:12]}",
        hostname=identity[:12],
        endpoints=tuple(EndpointRequest(name) for name in names),
        extra_hosts=tuple(program.host.extra_hosts),
    )


def _remove_stubs(places: Sequence[Path]) -> None:
    """Take away the empty files and directories on which something was mounted; what has contents stays."""
    for place in reversed(places):
        try:
            if place.is_dir() and not place.is_symlink():
                place.rmdir()
            elif place.lstat().st_size == 0:
                place.unlink()
        except OSError:
            continue  # it is not empty, or was removed by the program itself
