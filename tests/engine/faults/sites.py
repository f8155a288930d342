"""A place to die at: an engine's directories with what an operation needs, and what is expected of the next engine."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import anyio

from engine.containers.life.lifecycle import Status
from engine.errors import NoSuchContainer
from engine.state.paths import Paths
from engine.wire.containers import HostConfig, PortBinding
from engine.wire.networks import NetworkCreateRequest
from tests.e2e.kernel import KernelState, kernel_state
from tests.engine.containers.conftest import IMAGE, Engine, running
from tests.engine.faults.agreement import check_agreement
from tests.engine.faults.killing import is_killed_before

_EVERY_STEP: Final = bool(os.environ.get("PYCOMPOSE_EVERY_STEP"))

Act = Callable[[Engine], Awaitable[object]]
ABSENT: Final = "absent"


async def nothing(engine: Engine) -> None:
    """Nothing has to be there, or to be looked at."""


@dataclass(frozen=True, slots=True)
class Case:
    """An operation, what has to be there before it, and what `web` may be after an engine died in it; `check` looks at
    what else has to be so in the next engine.
    """

    act: Act
    before: Act = nothing
    allowed: frozenset[str] = field(default_factory=lambda: frozenset({ABSENT}))
    check: Act = nothing


def one_of(*allowed: str) -> frozenset[str]:
    return frozenset(allowed)


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

    async def check(self, case: Case) -> None:
        """Start the next engine, and expect records and kernel to agree, and nothing after all is removed."""
        async with running(self.paths) as engine:
            keeper = engine.containers.inspect("keeper")
            assert (keeper.state.status, keeper.state.pid) == (Status.RUNNING, self.keeper_pid)
            assert status_of(engine, "web", "shop") in case.allowed
            await case.check(engine)
            await thaw(engine)
            await check_agreement(engine)
            await tidy(engine)
            assert shared_left_out(kernel_state(self.paths), self.paths) == shared_left_out(self.kernel, self.paths)


def shared_left_out(state: KernelState, paths: Paths) -> KernelState:
    """Without the group of all containers, which each tree has from the first one that is in it there: runc uses the
    second tree of a hybrid, crun does not.
    """
    return replace(state, cgroups=tuple(path for path in state.cgroups if not path.endswith(paths.cgroup)))


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


async def furnish(paths: Paths) -> Site:
    async with furnished(paths) as engine:
        return Site(paths, engine.containers.inspect("keeper").state.pid, kernel_state(paths))


def die_at_every(stride: int, site: Site, case: Case) -> None:
    """Do an operation again and again, each time in an engine that dies `stride` steps later; at each step with
    `PYCOMPOSE_EVERY_STEP=1`. Raises what was wrong afterwards, of all deaths.
    """
    stride = 1 if _EVERY_STEP else stride
    failures: list[Exception] = []
    is_killed, step = True, 0
    while is_killed:
        anyio.run(site.prepare, case.before)
        is_killed = is_killed_before(step, site.paths, case.act)
        try:
            anyio.run(site.check, case)
        except Exception as exc:  # noqa: BLE001 - told below, with those of the other steps
            exc.add_note(f"killed before step {step}")
            failures.append(exc)
        step += stride
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {step // stride} deaths", failures)
