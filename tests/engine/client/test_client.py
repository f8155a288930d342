"""The client against the real server in front of fake services."""

from __future__ import annotations

import socket
from pathlib import Path

import anyio
import pytest

from engine.client import ApiError, EngineClient, EngineUnreachable, OnlyReads
from engine.wire.containers import ContainerCreateRequest
from engine.wire.networks import NetworkCreateRequest
from engine.wire.volumes import VolumeCreateRequest
from tests.fakes.serving import served_client

pytestmark = pytest.mark.anyio


async def test_a_ping_says_whether_anybody_answers(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        assert await client.ping()
    async with EngineClient(f"unix://{tmp_path}/nobody.sock") as nobody:
        assert not await nobody.ping()


async def test_nobody_there_is_an_error_that_names_the_address(tmp_path: Path) -> None:
    async with EngineClient(f"unix://{tmp_path}/nobody.sock") as nobody:
        with pytest.raises(EngineUnreachable, match=r"nobody\.sock: No such file or directory"):
            await nobody.version()


@pytest.mark.parametrize("address", ["/run/engine.sock", "unix://engine.sock", "tcp://host:port", "ftp://host:1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(EngineUnreachable, match="an address looks like"):
        EngineClient(address)


async def test_the_version_is_settled_once_and_connections_are_kept(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        assert (await client.version()).version == "9.9.9"
        assert (await client.info()).name == "fake"
        assert await client.settle_version() == "1.51"
        assert server.activity == [1]


async def test_many_calls_at_once_each_have_a_connection(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client), anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(client.info)
    assert max(server.activity) > 1


async def test_a_container_goes_through_its_life(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        request = ContainerCreateRequest(image="busybox", labels={"app": "shop"})
        created = await client.create_container("web", request)
        assert (await client.inspect_container("web")).id == created.id
        assert await client.list_containers() == []
        server.engine.containers.script = []
        await client.start_container("web")
        await client.start_container("web")
        [summary] = await client.list_containers(filters={"label": ["app=shop"]})
        assert summary.names == ["/web"]
        assert await client.list_containers(everything=True, filters={"label": ["app=other"]}) == []
        await client.pause_container("web")
        await client.unpause_container("web")
        await client.rename_container("web", "site")
        with pytest.raises(ApiError, match="container is running") as caught:
            await client.remove_container("site")
        assert caught.value.status == 409
        await client.stop_container("site", timeout_seconds=0)
        assert await client.wait_container("site") == 143
        await client.remove_container("site", volumes=True)
        with pytest.raises(ApiError, match="No such container: site") as caught:
            await client.inspect_container("site")
        assert caught.value.status == 404


async def test_networks_and_volumes_come_and_go(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        network = await client.create_network(NetworkCreateRequest(name="front", labels={"app": "shop"}))
        [found] = await client.list_networks(filters={"label": ["app=shop"]})
        assert found.id == network.id
        assert (await client.inspect_network("front")).id == network.id
        await client.remove_network("front")
        with pytest.raises(ApiError, match="network front not found"):
            await client.inspect_network("front")

        await client.create_volume(VolumeCreateRequest(name="data"))
        [volume] = await client.list_volumes()
        assert (volume.name, volume.mountpoint) == ("data", "/volumes/data/_data")
        await client.remove_volume("data", force=True)
        assert await client.list_volumes(filters={"name": ["data"]}) == []


async def test_a_kept_connection_that_the_engine_closed_is_not_used(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        await client.ping()
        address = client.address
        (tmp_path / "engine.sock").unlink()
    async with served_client(tmp_path) as (server, other):
        client._idle, other._idle = other._idle, client._idle
        assert other.address == address
        await other.create_volume(VolumeCreateRequest(name="data"))
        assert "data" in server.engine.volumes.known


async def test_an_answer_that_is_not_as_expected_names_the_field(tmp_path: Path) -> None:
    listener = await anyio.create_unix_listener(tmp_path / "odd.sock")

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            for body in (b"OK", b'{"Id": 5}'):
                await stream.receive()
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with EngineClient(f"unix://{tmp_path}/odd.sock") as client:
            with pytest.raises(ApiError, match=r"not as expected.*Id"):
                await client.inspect_image("x")
        tasks.cancel_scope.cancel()


async def test_an_answer_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    listener = await anyio.create_unix_listener(tmp_path / "odd.sock")

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with EngineClient(f"unix://{tmp_path}/odd.sock") as client:
            with pytest.raises(EngineUnreachable, match="broke off"):
                await client.version()
        tasks.cancel_scope.cancel()


async def test_the_client_speaks_over_tcp_as_well(tmp_path: Path) -> None:
    from functools import partial

    from engine.api.server import Door, serve
    from tests.fakes.services import fake_engine

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    async with anyio.create_task_group() as tasks:
        serving = partial(serve, fake_engine().services, [Door(listening)], on_activity=lambda count: None)
        await tasks.start(serving)
        async with EngineClient(f"tcp://127.0.0.1:{port}") as client:
            assert (await client.version()).version == "9.9.9"
            request = ContainerCreateRequest(image="busybox", open_stdin=True, attach_stdin=True)
            await client.create_container("web", request)
            async with await client.attach_container("web", tty=False, stdin=True) as stdio:
                await stdio.send_eof()
                await client.start_container("web")
                assert await stdio.receive() == (1, b"hello\n")
        tasks.cancel_scope.cancel()


async def test_headers_of_the_user_go_along_with_every_request(tmp_path: Path) -> None:
    listener = await anyio.create_unix_listener(tmp_path / "seen.sock")
    seen: list[bytes] = []

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            for _ in range(2):
                seen.append(await stream.receive())
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        async with EngineClient(f"unix://{tmp_path}/seen.sock", headers=[("X-Meta-Who", "me")]) as client:
            assert await client.list_images() == []
        tasks.cancel_scope.cancel()
    assert len(seen) == 2
    assert all(b"x-meta-who: me\r\n" in request.lower() for request in seen)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (3, 3), (0, 5)])
async def test_turns_are_limited_as_the_client_was_told(limit: int, expected: int) -> None:
    """Each task takes a turn and stays until all that could take one have it."""
    holders: list[int] = []
    full = anyio.Event()
    async with EngineClient("unix:///nowhere.sock", most_at_once=limit) as client, anyio.create_task_group() as tasks:

        async def take(number: int) -> None:
            async with client.turn():
                holders.append(number)
                if len(holders) == expected:
                    full.set()
                await anyio.sleep_forever()

        for number in range(5):
            tasks.start_soon(take, number)
        await full.wait()
        await anyio.wait_all_tasks_blocked()
        assert len(holders) == expected
        tasks.cancel_scope.cancel()


async def test_a_client_that_only_reads_sends_nothing_that_changes_something(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, other), EngineClient(other.address, only_reads=True) as client:
        assert await client.list_containers() == []
        with pytest.raises(OnlyReads, match="POST /containers/web/start is not sent"):
            await client.start_container("web")
        with pytest.raises(OnlyReads):
            await client.attach_container("web", tty=False)
