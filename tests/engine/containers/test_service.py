"""The verbs on fakes: what they do in which order, and when several ask at once."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from engine.containers.streams.options import AttachOptions
from engine.errors import BadRequest, Conflict, NoSuchContainer, NotModified
from engine.wire.containers import ContainerCreateRequest, HostConfig, NetworkingConfig
from engine.wire.networks import EndpointSettings
from tests.engine.containers.world import World, request
from tests.fakes.fake_images import FakeSnapshots

pytestmark = pytest.mark.anyio


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


async def test_a_volume_counts_as_used_from_when_its_container_is_being_made(world: World) -> None:
    seen: list[list[str]] = []

    class Watched(FakeSnapshots):
        async def create(self, container_id: str, chain_ids: Sequence[str]) -> None:
            seen.append(engine.volume_users("data"))
            await super().create(container_id, chain_ids)

    world.snapshots = Watched(world.paths)
    async with world.engine() as engine:
        container = (await engine.create("web", request(binds=["data:/data"]))).id
        assert seen == [[container]]
        assert engine.volume_users("data") == [container]
        world.snapshots.fail_next = OSError("no room")
        with pytest.raises(OSError, match="no room"):
            await engine.create("", request(binds=["data:/data"]))
        assert engine.volume_users("data") == [container]


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


async def test_who_attaches_before_the_start_is_connected_before_the_first_word(world: World) -> None:
    async with world.engine() as engine:
        await engine.create("web", request())
        async with engine.attach("web", AttachOptions(stdin=True)) as console:
            await engine.start("web")
            await console.send(b"hello")
            assert await console.receive() == (1, b"hello")


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
        with pytest.raises(Conflict, match=f"Container {first} is not paused") as refused:
            await engine.unpause("first")
        assert refused.value.status == 500  # as in Docker
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
