"""Stops, kills and removals, and what is begun by itself meanwhile."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from engine.errors import Conflict, NoSuchContainer
from engine.wire.containers import HostConfig, RestartPolicy
from tests.engine.containers.world import World, request

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("verb", ["stop", "kill"])
async def test_a_stop_amid_a_restart_is_not_followed_by_another(world: World, verb: str) -> None:
    async with world.engine() as engine:
        container = (await engine.create("web", request(restart_policy=RestartPolicy(name="always")))).id
        await engine.start("web")
        world.runtime.create_gate, world.runtime.creating = anyio.Event(), anyio.Event()
        world.runtime.end(container)
        await world.runtime.creating.wait()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(getattr(engine, verb), "web")
            await anyio.wait_all_tasks_blocked()
            world.runtime.create_gate.set()
        while container in world.runtime.processes:
            await anyio.lowlevel.checkpoint()
        assert engine.inspect("web").state.status == "exited"


async def test_a_start_that_an_engine_can_only_just_finish_is_looked_after_by_the_next(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        world.runtime.create_gate, world.runtime.creating = anyio.Event(), anyio.Event()
        # As crun and the kernel do not end with the engine either.
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as clients:
                clients.start_soon(engine.start, "web")
                await world.runtime.creating.wait()
                world.stop()
                await anyio.wait_all_tasks_blocked()
                world.runtime.create_gate.set()
    async with world.engine() as engine:
        assert engine.inspect("web").state.status == "running"


async def test_several_restarts_at_once_all_end_well(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        await engine.start("web")
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(engine.restart, "web")
        assert engine.inspect("web").state.status == "running"


async def test_a_stop_by_hand_is_not_followed_by_a_restart(world: World) -> None:
    async with world.engine() as engine:
        container = (await engine.create("web", request(restart_policy=RestartPolicy(name="always")))).id
        await engine.start("web")
        await engine.stop("web")
        assert engine.inspect("web").state.status == "exited"
        assert world.runtime.signals == [(container, 15)]


async def test_a_policy_given_while_a_container_is_stopped_by_hand_does_not_start_it_again(world: World) -> None:
    world.runtime.mortal = {9}
    async with world.engine() as engine, anyio.create_task_group() as tasks:
        container = (await engine.create("web", request())).id
        await engine.start("web")
        stopped = anyio.Event()

        async def stop() -> None:
            await engine.stop("web", timeout_seconds=-1)
            stopped.set()

        tasks.start_soon(stop)
        while not world.runtime.signals:
            await anyio.lowlevel.checkpoint()
        await engine.update("web", HostConfig(restart_policy=RestartPolicy(name="always")))
        world.runtime.end(container)
        await stopped.wait()
        assert engine.inspect("web").state.status == "exited"
    assert world.actions(container)[-2:] == ["stop", "die"]


async def test_a_signal_that_is_ignored_is_followed_by_kill(world: World) -> None:
    world.runtime.mortal = {9}
    async with world.engine() as engine:
        container = (await engine.create("web", request())).id
        await engine.start("web")
        await engine.stop("web", timeout_seconds=0)
        assert [number for _, number in world.runtime.signals] == [15, 9]
        assert engine.inspect("web").state.exit_code == 137
    assert world.actions(container) == ["create", "start", "kill", "kill", "stop", "die"]


async def test_a_paused_container_is_thawed_to_be_stopped(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        await engine.start("web")
        await engine.pause("web")
        with pytest.raises(Conflict, match="try unpause instead"):
            await engine.start("web")
        await engine.stop("web")
        assert engine.inspect("web").state.status == "exited"


async def test_a_removal_by_force_of_a_container_that_removes_itself_waits_for_it(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request(auto_remove=True))
        await engine.start("web")
        await engine.remove("web", force=True)
        with pytest.raises(NoSuchContainer):
            engine.inspect("web")


async def test_who_waits_for_the_removal_gets_the_exit_code(world: World) -> None:
    async with world.engine() as engine:
        container = (await engine.create("web", request(auto_remove=True))).id
        answer = engine.waiter("web", "removed")
        await engine.start("web")
        world.runtime.end(container, 5)
        assert (await answer).status_code == 5
