"""Whenever an engine is killed, the next one finds everything that ran, and leaves nothing of what was half done.

Every change that an operation makes is a moment to die at. An ordinary run tries some of them, spread over the whole
operation; all of them with `PYCOMPOSE_EVERY_STEP=1` in the environment, which takes minutes.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import anyio
import pytest

from engine.containers.life.lifecycle import Status
from engine.errors import NoSuchContainer
from engine.state.paths import Paths
from engine.wire.containers import ExecCreateRequest, ExecStartRequest, HostConfig, PortBinding
from engine.wire.networks import EndpointSettings, NetworkCreateRequest
from engine.wire.volumes import VolumeCreateRequest
from tests.e2e.kernel import KernelState, kernel_state, remove_everything
from tests.engine.containers.conftest import IMAGE, Engine, running
from tests.engine.faults.agreement import check_agreement
from tests.engine.faults.killing import is_killed_before
from tests.fakes.places import apart

pytestmark = [pytest.mark.root, pytest.mark.net]

_EVERY_STEP: Final = bool(os.environ.get("PYCOMPOSE_EVERY_STEP"))
_STRIDE: Final = 1 if _EVERY_STEP else 29

Act = Callable[[Engine], Awaitable[object]]
ABSENT: Final = "absent"


async def nothing(engine: Engine) -> None:
    """Nothing has to be there."""


async def create(engine: Engine) -> None:
    host = HostConfig(
        network_mode="back",
        binds=["kept:/kept"],
        port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1", host_port="")]},
    )
    await engine.create("sleep", "1000", name="web", host=host, volumes={"/data": {}}, exposed_ports={"80/tcp": {}})


async def create_and_start(engine: Engine) -> None:
    await create(engine)
    await engine.containers.start("web")


async def create_and_connect(engine: Engine) -> None:
    await create_and_start(engine)
    await engine.containers.connect("side", "web", EndpointSettings(aliases=["w"]))


async def start(engine: Engine) -> None:
    await engine.containers.start("web")


async def stop(engine: Engine) -> None:
    await engine.containers.stop("web", timeout_seconds=0)


async def restart(engine: Engine) -> None:
    await engine.containers.restart("web", timeout_seconds=0)


async def remove(engine: Engine) -> None:
    await engine.containers.remove("web", volumes=True)


async def remove_by_force(engine: Engine) -> None:
    await engine.containers.remove("web", force=True, volumes=True)


async def rename(engine: Engine) -> None:
    await engine.containers.rename("web", "shop")
    await engine.containers.rename("shop", "web")


async def pause(engine: Engine) -> None:
    await engine.containers.pause("web")
    await engine.containers.unpause("web")


async def connect(engine: Engine) -> None:
    await engine.containers.connect("side", "web", EndpointSettings(aliases=["w"]))


async def disconnect(engine: Engine) -> None:
    await engine.containers.disconnect("side", "web", force=False)


async def execute(engine: Engine) -> None:
    created = await engine.containers.exec_create("web", ExecCreateRequest(cmd=["sleep", "1000"]))
    await engine.containers.exec_start(created.id, ExecStartRequest(detach=True))


async def make_network(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="more"))


async def remove_network(engine: Engine) -> None:
    await engine.networks.remove("more")


async def make_volume(engine: Engine) -> None:
    await engine.volumes.create(VolumeCreateRequest(name="more"))


async def remove_volume(engine: Engine) -> None:
    await engine.volumes.remove("more", force=False, used_by=engine.containers.volume_users)


@dataclass(frozen=True, slots=True)
class Case:
    """An operation, what has to be there before it, and what `web` may be after an engine died in it."""

    act: Act
    before: Act = nothing
    allowed: frozenset[str] = field(default_factory=lambda: frozenset({ABSENT}))


def one_of(*allowed: str) -> frozenset[str]:
    return frozenset(allowed)


CASES = [
    Case(create, allowed=one_of(ABSENT, Status.CREATED)),
    Case(start, create, one_of(Status.CREATED, Status.RUNNING)),
    Case(stop, create_and_start, one_of(Status.RUNNING, Status.EXITED)),
    Case(restart, create_and_start, one_of(Status.RUNNING, Status.EXITED)),
    Case(pause, create_and_start, one_of(Status.RUNNING, Status.PAUSED)),
    Case(rename, create_and_start, one_of(Status.RUNNING)),
    Case(remove, create, one_of(Status.CREATED, ABSENT)),
    Case(remove_by_force, create_and_start, one_of(Status.RUNNING, Status.EXITED, ABSENT)),
    Case(connect, create_and_start, one_of(Status.RUNNING)),
    Case(disconnect, create_and_connect, one_of(Status.RUNNING)),
    Case(execute, create_and_start, one_of(Status.RUNNING)),
    Case(make_network),
    Case(remove_network, make_network),
    Case(make_volume),
    Case(remove_volume, make_volume),
]


@dataclass(frozen=True, slots=True)
class Site:
    """Directories with an image, two networks, and a container that has to live through everything."""

    paths: Paths
    keeper_pid: int
    kernel: KernelState

    async def prepare(self, before: Act) -> None:
        """Make what an operation needs."""
        async with running(self.paths) as engine:
            await tidy(engine)  # a failure before may have left something
            await engine.networks.create(NetworkCreateRequest(name="back"))
            await engine.networks.create(NetworkCreateRequest(name="side"))
            await before(engine)

    async def check(self, allowed: frozenset[str]) -> None:
        """Start the next engine, and expect records and kernel to agree, and nothing after all is removed."""
        async with running(self.paths) as engine:
            keeper = engine.containers.inspect("keeper")
            assert (keeper.state.status, keeper.state.pid) == (Status.RUNNING, self.keeper_pid)
            assert status_of(engine, "web", "shop") in allowed
            await thaw(engine)
            await check_agreement(engine)
            await tidy(engine)
            assert kernel_state(self.paths) == self.kernel


def status_of(engine: Engine, *names: str) -> str:
    for name in names:
        try:
            return engine.containers.inspect(name).state.status
        except NoSuchContainer:
            continue
    return ABSENT


async def thaw(engine: Engine) -> None:
    if status_of(engine, "web") == Status.PAUSED:
        await engine.containers.unpause("web")


async def tidy(engine: Engine) -> None:
    """Remove all but the keeper and what it uses."""
    for summary in engine.containers.summaries(everything=True, limit=0, filters={}):
        if summary.names != ["/keeper"]:
            await engine.containers.remove(summary.id, force=True, volumes=True)
    for volume in engine.volumes.all():
        if volume.name != "precious":
            await engine.volumes.remove(volume.name, force=True, used_by=engine.containers.volume_users)
    for network in engine.networks.all():
        if not network.is_predefined and network.name != "front":
            await engine.networks.remove(network.id)


@asynccontextmanager
async def furnished(paths: Paths) -> AsyncIterator[Engine]:
    async with running(paths) as engine:
        async for _ in engine.images.pull(IMAGE):
            continue
        await engine.networks.create(NetworkCreateRequest(name="front"))
        ports = {"80/tcp": [PortBinding(host_ip="127.0.0.1", host_port="")]}
        host = HostConfig(network_mode="front", binds=["precious:/data"], port_bindings=ports)
        await engine.start("sleep", "100000", name="keeper", host=host)
        yield engine


async def _furnish(paths: Paths) -> Site:
    async with furnished(paths) as engine:
        return Site(paths, engine.containers.inspect("keeper").state.pid, kernel_state(paths))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    base = apart(tmp_path_factory.getbasetemp(), "killed")
    paths = Paths(root=base / "state", run=base / "run")
    try:
        yield anyio.run(_furnish, paths)
    finally:
        remove_everything(paths)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.act.__name__)
def test_whenever_an_engine_is_killed_the_next_one_and_the_kernel_agree(site: Site, case: Case) -> None:
    failures: list[Exception] = []
    is_killed, step = True, 0
    while is_killed:
        anyio.run(site.prepare, case.before)
        is_killed = is_killed_before(step, site.paths, case.act)
        try:
            anyio.run(site.check, case.allowed)
        except Exception as exc:  # noqa: BLE001 - told below, with those of the other steps
            exc.add_note(f"killed before step {step}")
            failures.append(exc)
        step += _STRIDE
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {step // _STRIDE} deaths", failures)
