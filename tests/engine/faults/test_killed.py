"""Whenever an engine is killed, the next one finds everything that ran, and leaves nothing of what was half done.

Every change that an operation makes is a moment to die at. An ordinary run tries some of them, spread over the whole
operation; all of them with `PYCOMPOSE_EVERY_STEP=1` in the environment, which takes minutes.
"""

from __future__ import annotations

from typing import Final

import pytest

from engine.containers.life.lifecycle import Status
from engine.wire.containers import ExecCreateRequest, ExecStartRequest, HostConfig, PortBinding
from engine.wire.networks import EndpointSettings, NetworkCreateRequest
from engine.wire.volumes import VolumeCreateRequest
from tests.engine.containers.conftest import Engine
from tests.engine.faults.sites import ABSENT, Case, Site, die_at_every, one_of

pytestmark = [pytest.mark.root, pytest.mark.net]

_STRIDE: Final = 29


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


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.act.__name__)
def test_whenever_an_engine_is_killed_the_next_one_and_the_kernel_agree(site: Site, case: Case) -> None:
    die_at_every(_STRIDE, site, case)
