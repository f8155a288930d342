"""What fails half-way, or is called off, gives everything back."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from engine.containers.streams.options import AttachOptions
from engine.errors import Conflict, EngineError, RuntimeFailure
from tests.engine.containers.world import World, request
from tests.fakes.fake_runtime import trouble

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("place", ["create", "start"])
async def test_a_start_that_fails_gives_everything_back(world: World, place: str) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        world.runtime.fail_next[place] = RuntimeFailure("no such program", exit_code=127)
        with pytest.raises(RuntimeFailure, match="no such program"):
            await engine.start("web")
        assert world.holds_nothing()
        state = engine.inspect("web").state
        assert (state.status, state.exit_code, state.error) == ("created", 127, "no such program")
        await engine.start("web")
        assert engine.inspect("web").state.error == ""


async def test_a_network_that_fails_gives_the_file_system_back(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        world.networks.fail_next = trouble("port is taken")
        with pytest.raises(EngineError, match="port is taken"):
            await engine.start("web")
        assert world.holds_nothing()


async def test_a_creation_that_fails_frees_the_name_and_its_volumes(world: World) -> None:
    async with world.engine() as engine:
        world.snapshots.fail_next = trouble("disk full")
        with pytest.raises(EngineError, match="disk full"):
            await engine.create("web", request(binds=["/data"]))
        assert list(world.paths.volumes.iterdir()) == []
        await engine.create("web", request())


async def test_a_removal_that_fails_leaves_a_dead_container_that_can_be_removed(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        world.snapshots.fail_next = trouble("busy")
        with pytest.raises(EngineError, match="busy"):
            await engine.remove("web")
        assert engine.inspect("web").state.status == "dead"
        with pytest.raises(Conflict, match="marked for removal"):
            await engine.start("web")
        await engine.remove("web")


async def test_a_client_that_cannot_be_attached_does_not_hold_up_the_start(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        world.runtime.fail_next["attach"] = trouble()
        async with engine.attach("web", AttachOptions()) as console:
            await engine.start("web")
            with pytest.raises(anyio.EndOfStream):
                await console.receive()


async def test_a_failed_start_ends_the_attached_and_removes_what_removes_itself(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request(auto_remove=True))
        removed = engine.waiter("web", "removed")
        world.runtime.fail_next["create"] = RuntimeFailure("no such program", exit_code=127)
        async with engine.attach("web", AttachOptions()) as console:
            with pytest.raises(RuntimeFailure):
                await engine.start("web")
            with pytest.raises(anyio.EndOfStream):
                await console.receive()
        assert (await removed).status_code == 127


async def test_a_start_that_is_cancelled_gives_everything_back(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        async with engine.attach("web", AttachOptions()), anyio.create_task_group() as tasks:
            tasks.start_soon(engine.start, "web")
            while not world.runtime.processes:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        state = engine.inspect("web").state.status
        assert world.holds_nothing() if state == "created" else state == "running"
