"""The verbs on fakes: their order, their failures, their races."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from engine.containers.service import ContainerService
from engine.containers.streams.options import AttachOptions
from engine.errors import BadRequest, Conflict, EngineError, NoSuchContainer, NotModified, RuntimeFailure
from engine.events.bus import EventBus
from engine.state.paths import Paths
from engine.state.store import Store
from engine.volumes.service import VolumeService
from engine.wire.containers import ContainerCreateRequest, HostConfig, NetworkingConfig, RestartPolicy
from engine.wire.networks import EndpointSettings
from engine.wire.system import EventMessage
from tests.fakes.fake_images import FakeImages, FakeSnapshots
from tests.fakes.fake_network import FakeNetworks
from tests.fakes.fake_runtime import FakeRuntime, trouble

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class World:
    """One engine's containers on fakes; the fakes outlive the service, as the kernel does."""

    paths: Paths
    runtime: FakeRuntime
    networks: FakeNetworks
    snapshots: FakeSnapshots
    images: FakeImages
    events: list[EventMessage] = field(default_factory=list)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[ContainerService]:
        """A service that runs while the block does."""
        store, bus = Store.open(self.paths.database), EventBus()
        service = ContainerService(
            paths=self.paths,
            store=store,
            events=bus,
            images=self.images,
            snapshots=self.snapshots,
            volumes=VolumeService(self.paths, store, bus),
            networks=self.networks,
            runtime=self.runtime,
        )
        with bus.listen() as stream:
            async with anyio.create_task_group() as tasks:
                await tasks.start(service.run)
                yield service
                self.events += _waiting(stream)
                tasks.cancel_scope.cancel()
        store.close()

    def actions(self, container: str) -> list[str]:
        return [event.action for event in self.events if event.actor.id == container]

    def holds_nothing(self) -> bool:
        return not (self.runtime.processes or self.networks.sandboxes or self.snapshots.mounted)


def _waiting(stream: anyio.abc.ObjectReceiveStream[EventMessage]) -> list[EventMessage]:
    found = []
    while True:
        try:
            found.append(stream.receive_nowait())  # type: ignore[attr-defined] # a memory stream
        except anyio.WouldBlock:
            return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    paths = Paths(root=tmp_path / "root", run=tmp_path / "run")
    paths.make()
    return World(paths, FakeRuntime(), FakeNetworks(), FakeSnapshots(paths), FakeImages())


def request(**host: object) -> ContainerCreateRequest:
    return ContainerCreateRequest(image="alpine", host_config=HostConfig(**host))  # type: ignore[arg-type] # by name


async def test_a_container_is_created_started_ended_and_removed(world: World) -> None:
    async with world.engine() as engine:
        container = (await engine.create("web", request())).id
        await engine.start("web")
        assert engine.inspect("web").state.status == "running"
        with pytest.raises(NotModified):
            await engine.start("web")
        answer = engine.waiter("web", "not-running")
        world.runtime.end(container, 3)
        assert (await answer).status_code == 3
        assert world.holds_nothing()
        await engine.remove("web")
        with pytest.raises(NoSuchContainer):
            engine.inspect("web")
    assert world.actions(container) == ["create", "start", "die", "destroy"]


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


async def test_sixty_four_clients_at_once_get_their_own_containers(world: World) -> None:
    async with world.engine() as engine:
        codes: dict[int, int] = {}

        async def run(number: int) -> None:
            container = (await engine.create("", request())).id
            await engine.start(container)
            answer = engine.waiter(container, "not-running")
            world.runtime.end(container, number)
            codes[number] = (await answer).status_code
            await engine.remove(container)

        async with anyio.create_task_group() as tasks:
            for number in range(64):
                tasks.start_soon(run, number)
        assert codes == {number: number for number in range(64)}
        assert world.holds_nothing()


async def test_of_two_clients_who_want_a_name_one_gets_it(world: World) -> None:
    async with world.engine() as engine:
        refusals: list[str] = []

        async def create() -> None:
            try:
                await engine.create("web", request())
            except Conflict as exc:
                refusals.append(exc.message)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(create)
            tasks.start_soon(create)
        assert len(refusals) == 1
        assert 'The container name "/web" is already in use by container' in refusals[0]


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


async def test_who_attaches_before_the_start_is_connected_before_the_first_word(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        async with engine.attach("web", AttachOptions(stdin=True)) as console:
            await engine.start("web")
            await console.send(b"hello")
            assert await console.receive() == (1, b"hello")


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


async def test_a_new_engine_adopts_what_lives_and_settles_what_does_not(world: World) -> None:
    async with world.engine() as first:
        living = (await first.create("living", request())).id
        ended = (await first.create("ended", request())).id
        lost = (await first.create("lost", request())).id
        for container in (living, ended, lost):
            await first.start(container)
    world.runtime.end(ended, 7)
    del world.runtime.processes[lost]
    async with world.engine() as second:
        assert second.inspect(living).state.running
        assert (await second.wait(ended)).status_code == 7
        assert (await second.wait(lost)).status_code == 255
        assert set(world.runtime.processes) == {living}
        assert set(world.networks.sandboxes) == {living}
        await second.stop(living)


async def test_networks_are_those_of_the_request_and_the_mode(world: World) -> None:
    async with world.engine() as engine:
        wishes = NetworkingConfig(endpoints_config={"app": EndpointSettings(aliases=["db"])})
        for name, asked, mode in (
            ("c1", NetworkingConfig(), "default"),
            ("c2", wishes, "app"),
            ("c3", wishes, "default"),
        ):
            wish = ContainerCreateRequest(
                image="alpine", host_config=HostConfig(network_mode=mode), networking_config=asked
            )
            await engine.create(name, wish)
        networks = {name: list(engine.inspect(name).network_settings.networks) for name in ("c1", "c2", "c3")}
        assert networks == {"c1": ["bridge"], "c2": ["app"], "c3": ["app"]}


async def test_a_container_joins_only_what_runs(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("first", request())
        await engine.create("second", request(network_mode="container:first"))
        with pytest.raises(
            Conflict, match="cannot join network namespace of a non running container: container first is created"
        ):
            await engine.start("second")
        await engine.start("first")
        await engine.start("second")
        second = engine.inspect("second").id
        assert str(world.runtime.processes[second].launch.network_namespace).startswith("/netns/")


async def test_a_rename_keeps_the_id_and_frees_the_old_name(world: World) -> None:
    async with world.engine() as engine:
        container = (await engine.create("old", request())).id
        await engine.rename("old", "new")
        assert engine.inspect("new").id == container
        with pytest.raises(NoSuchContainer):
            engine.inspect("old")
        await engine.create("old", request())
        with pytest.raises(BadRequest):
            await engine.rename("new", "new")
        with pytest.raises(Conflict):
            await engine.rename("new", "old")


async def test_pruning_removes_what_does_not_run(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("living", request())
        await engine.start("living")
        gone = (await engine.create("gone", request())).id
        assert await engine.prune({}) == ([gone], 17)


async def test_pruning_goes_on_where_others_remove_containers_meanwhile(world: World) -> None:
    async with world.engine() as engine:
        names = [f"gone{number}" for number in range(4)]
        for name in names:
            await engine.create(name, request())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.prune, {})
            tasks.start_soon(engine.remove, names[-1])
        for name in names:
            with pytest.raises(NoSuchContainer):
                engine.inspect(name)


async def test_listings_are_filtered_and_the_newest_is_first(world: World) -> None:
    async with world.engine() as engine:
        for name in ("one", "two", "three"):
            await engine.create(name, request())
        await engine.start("two")

        def names(everything: bool = True, limit: int = 0, **filters: list[str]) -> list[str]:
            found = engine.summaries(everything=everything, limit=limit, filters=filters)
            return [summary.names[0] for summary in found]

        assert names() == ["/three", "/two", "/one"]
        assert names(everything=False) == ["/two"]
        assert names(limit=1) == ["/three"]
        assert names(status=["created"]) == ["/three", "/one"]
        assert names(name=["t"]) == ["/three", "/two"]
        assert names(name=["^/one$"]) == ["/one"]
        assert names(since=["one"]) == ["/three", "/two"]
        assert names(before=["two"]) == ["/one"]
        assert names(ancestor=["alpine"]) == names()
        assert names(network=["app"]) == []
        assert names(network=["bridge"]) == names()
        with pytest.raises(BadRequest, match="invalid filter 'colour'"):
            names(colour=["red"])


async def test_refusals_name_the_container_as_docker_does(world: World) -> None:
    async with world.engine() as engine:
        first = (await engine.create("first", request())).id
        await engine.create("second", request())
        with pytest.raises(Conflict, match=f"container {first} is not running"):
            await engine.pause("first")
        await engine.start("first")
        with pytest.raises(Conflict, match=f"Container {first} is not paused"):
            await engine.unpause("first")
        with pytest.raises(Conflict, match='cannot remove container "first": container is running: stop the container'):
            await engine.remove("first")
        with pytest.raises(Conflict, match=r'Error when allocating new name: Conflict. The container name "/first" is'):
            await engine.rename("second", "first")
        with pytest.raises(BadRequest, match="Error when allocating new name: Invalid container name"):
            await engine.rename("second", "-")


@pytest.mark.parametrize("mode", ["host", "none"])
async def test_a_place_in_a_network_without_addresses_has_an_id_while_the_container_runs(
    world: World, mode: str
) -> None:
    async with world.engine() as engine:
        await engine.create("web", request(network_mode=mode))

        def place() -> str:
            networks = engine.inspect("web").network_settings.networks
            return networks[mode].endpoint_id

        assert place() == ""
        await engine.start("web")
        first = place()
        assert len(first) == 64
        await engine.restart("web", timeout_seconds=0)
        assert place() not in (first, "")
        await engine.kill("web")
        assert place() == ""
