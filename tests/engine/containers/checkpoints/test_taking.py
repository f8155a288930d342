"""Checkpoints on fakes: what a container is before, during and after one, whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from engine.containers.checkpoints import keeping
from engine.containers.checkpoints.taking import Wish
from engine.containers.service import ContainerService
from engine.errors import BadRequest, Conflict, EngineError, NoSuchContainer, NotModified, Unavailable
from engine.wire.containers import RestartPolicy
from tests.engine.containers.world import World, request
from tests.fakes.fake_runtime import trouble

pytestmark = pytest.mark.anyio


async def _started(service: ContainerService, name: str = "web", **host: object) -> str:
    container = (await service.create(name, request(**host))).id
    await service.start(container)
    return container


def _files(world: World, container: str) -> list[str]:
    root = keeping.default_root(world.paths.containers / container)
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


async def test_a_checkpointed_container_has_ended_and_holds_nothing(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        await service.checkpoint("web", Wish("cp1"))
        state = service.inspect("web").state
        assert (state.status, state.exit_code) == ("exited", 137)
        assert world.holds_nothing()
        assert await service.checkpoints("web", "") == ["cp1"]
    assert world.actions(container) == ["create", "start", "checkpoint", "die"]


async def test_one_that_is_left_running_goes_on(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        await service.checkpoint("web", Wish("cp1", exits=False))
        assert service.inspect("web").state.status == "running"
        assert not world.runtime.processes[container].is_paused
        assert _files(world, container) == ["cp1"]
    assert world.actions(container) == ["create", "start", "checkpoint"]


async def test_a_paused_one_stays_paused(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        await service.pause("web")
        await service.checkpoint("web", Wish("cp1", exits=False))
        assert service.inspect("web").state.status == "paused"
        assert world.runtime.processes[container].is_paused


async def test_its_restart_policy_does_not_bring_it_back(world: World) -> None:
    async with world.engine() as service:
        await _started(service, restart_policy=RestartPolicy(name="always"))
        await service.checkpoint("web", Wish("cp1"))
        assert service.inspect("web").state.status == "exited"
    async with world.engine() as service:
        assert service.inspect("web").state.status == "exited"


async def test_it_goes_on_from_there_instead_of_starting_anew(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        await service.checkpoint("web", Wish("cp1"))
        await service.start("web", checkpoint="cp1")
        process = world.runtime.processes[container]
        home = world.paths.containers / container
        assert (process.launch.restored_from, process.is_started) == (home / "checkpoints" / "cp1", False)
        assert service.inspect("web").state.status == "running"
        assert container in world.networks.remembered
        await service.stop("web")
        await service.start("web")
        assert world.runtime.processes[container].launch.restored_from is None


async def test_another_container_goes_on_from_a_checkpoint_in_a_chosen_directory(world: World, tmp_path: Path) -> None:
    kept = str(tmp_path / "kept")
    async with world.engine() as service:
        await _started(service)
        await service.checkpoint("web", Wish("cp1", kept))
        assert await service.checkpoints("web", kept) == ["cp1"]
        twin = (await service.create("twin", request())).id
        await service.start("twin", checkpoint="cp1", checkpoint_directory=kept)
        assert world.runtime.processes[twin].launch.restored_from == Path(kept, "cp1")


async def test_one_that_does_not_run_is_refused(world: World) -> None:
    async with world.engine() as service:
        container = (await service.create("web", request())).id
        with pytest.raises(Conflict, match=f"container {container} is not running"):
            await service.checkpoint("web", Wish("cp1"))
        with pytest.raises(NoSuchContainer):
            await service.checkpoint("other", Wish("cp1"))
        assert _files(world, container) == []


async def test_one_that_runs_is_not_started_from_a_checkpoint(world: World) -> None:
    async with world.engine() as service:
        await _started(service)
        await service.checkpoint("web", Wish("cp1", exits=False))
        with pytest.raises(NotModified):
            await service.start("web", checkpoint="cp1")


async def test_without_such_a_checkpoint_nothing_is_started(world: World) -> None:
    async with world.engine() as service:
        container = (await service.create("web", request(auto_remove=True))).id
        with pytest.raises(EngineError, match="checkpoint cp1 does not exist for container web"):
            await service.start("web", checkpoint="cp1")
        with pytest.raises(BadRequest, match="invalid checkpoint ID"):
            await service.start("web", checkpoint="../cp1")
        assert service.inspect("web").state.status == "created"
        assert world.holds_nothing()
    assert world.actions(container) == ["create"]


async def test_a_failed_restore_leaves_container_and_checkpoint(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        await service.checkpoint("web", Wish("cp1"))
        world.runtime.fail_next["create"] = trouble("no way back")
        with pytest.raises(EngineError, match="no way back"):
            await service.start("web", checkpoint="cp1")
        assert service.inspect("web").state.status == "exited"
        assert (world.holds_nothing(), _files(world, container)) == (True, ["cp1"])


async def test_a_failed_checkpoint_leaves_the_container_as_it_was(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        world.runtime.fail_next["checkpoint"] = trouble("a socket is open")
        with pytest.raises(EngineError, match="Cannot checkpoint container web: a socket is open"):
            await service.checkpoint("web", Wish("cp1"))
        assert service.inspect("web").state.status == "running"
        assert not world.runtime.processes[container].is_paused
        assert _files(world, container) == []


async def test_where_criu_does_not_work_the_container_is_not_touched(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        world.runtime.fail_next["require_checkpoints"] = Unavailable("criu was not found", hint="apt-get install criu")
        with pytest.raises(Unavailable, match="criu was not found"):
            await service.checkpoint("web", Wish("cp1"))
        assert _files(world, container) == []


async def test_a_taken_name_is_refused(world: World) -> None:
    async with world.engine() as service:
        await _started(service)
        await service.checkpoint("web", Wish("cp1", exits=False))
        with pytest.raises(
            EngineError, match="cannot checkpoint container web: checkpoint with name cp1 already exists"
        ):
            await service.checkpoint("web", Wish("cp1"))
        assert service.inspect("web").state.status == "running"


async def test_a_checkpoint_that_would_go_with_its_container_is_refused(world: World, tmp_path: Path) -> None:
    async with world.engine() as service:
        container = await _started(service, auto_remove=True)
        with pytest.raises(Conflict, match="is removed at its end"):
            await service.checkpoint("web", Wish("cp1"))
        await service.checkpoint("web", Wish("cp1", exits=False))
        removed = service.waiter(container, "removed")
        await service.checkpoint("web", Wish("cp1", str(tmp_path)))
        await removed
        assert (tmp_path / "cp1").is_dir()


async def test_checkpoints_go_with_their_container(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        await service.checkpoint("web", Wish("cp1"))
        await service.remove("web")
        assert not (world.paths.containers / container).exists()


async def test_one_can_be_removed_while_the_container_runs(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        await service.checkpoint("web", Wish("cp1", exits=False))
        await service.remove_checkpoint("web", "cp1", "")
        assert _files(world, container) == []
        with pytest.raises(EngineError, match="checkpoint cp1 does not exist for container web"):
            await service.remove_checkpoint("web", "cp1", "")


async def test_once_begun_it_is_finished_though_the_client_has_gone(world: World) -> None:
    async with world.engine() as service:
        container = await _started(service)
        world.runtime.checkpoint_gate = anyio.Event()
        async with anyio.create_task_group() as clients:
            clients.start_soon(service.checkpoint, "web", Wish("cp1"))
            await world.runtime.checkpointing.wait()
            clients.cancel_scope.cancel()
            world.runtime.checkpoint_gate.set()
        await service.wait("web")
        assert _files(world, container) == ["cp1"]
        assert service.inspect("web").state.status == "exited"
        assert world.holds_nothing()
