"""The client against the real server in front of fake services."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import msgspec
import pytest

from engine.client import ApiError, EngineClient, EngineUnreachable, OnlyReads
from engine.client.transfers import split_reference
from engine.errors import RegistryError
from engine.wire.containers import ContainerCreateRequest, ExecCreateRequest, ExecStartRequest
from engine.wire.images import AuthConfig
from engine.wire.networks import NetworkCreateRequest
from engine.wire.volumes import VolumeCreateRequest
from tests.fakes.containers import Line
from tests.fakes.serving import served, served_client

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


async def test_images_have_names_with_slashes(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        await client.tag_image("busybox", "registry.example:5000/team/box", "1.0")
        found = await client.inspect_image("registry.example:5000/team/box:1.0")
        assert "busybox:latest" in found.repo_tags
        [summary] = await client.list_images(filters={"reference": ["*/team/box"]})
        assert summary.id == found.id
        deleted = await client.remove_image("registry.example:5000/team/box:1.0")
        assert deleted[0].untagged == "registry.example:5000/team/box:1.0"


async def test_a_pull_gives_its_progress_and_takes_credentials(tmp_path: Path) -> None:
    auth = AuthConfig(username="ann", password="påss?>")
    async with served_client(tmp_path) as (server, client):
        lines = [line async for line in client.pull_image("team/app:2", platform="linux/arm64", auth=auth)]
        assert lines[0].status == "Pulling from docker.io/team/app:2"
        assert server.engine.images.pulled == [("docker.io/team/app:2", "linux/arm64", auth)]


async def test_a_pull_that_fails_raises_whenever_it_fails(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.images.pull_error = RegistryError("half-way")
        with pytest.raises(ApiError, match="half-way"):
            async for _ in client.pull_image("x"):
                pass
        server.engine.images.early_error = RegistryError("at once")
        with pytest.raises(ApiError, match="at once"):
            async for _ in client.pull_image("x"):
                pass


async def test_leaving_a_pull_ends_it(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.images.pull_gate = anyio.Event()
        async with aclosing(client.pull_image("x")) as lines:
            async for _ in lines:
                break
        await server.until_connections(1)
        while server.engine.images.pulling:
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("redis", ("redis", "latest")),
        ("redis:7", ("redis", "7")),
        ("localhost:5000/redis", ("localhost:5000/redis", "latest")),
        ("localhost:5000/redis:7", ("localhost:5000/redis", "7")),
        ("redis@sha256:ab", ("redis", "sha256:ab")),
        ("redis:7@sha256:ab", ("redis:7", "sha256:ab")),
    ],
)
def test_a_reference_is_sent_in_two_parts(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts


@pytest.mark.parametrize("tty", [False, True])
async def test_logs_come_with_their_stream(tmp_path: Path, *, tty: bool) -> None:
    async with served_client(tmp_path) as (server, client):
        await client.create_container("web", ContainerCreateRequest(image="busybox", tty=tty))
        web = server.engine.containers.find("web")
        web.log = [Line(1, 0, b"old\n"), Line(1, 0, b"out\n"), Line(1 if tty else 2, 0, b"err\n")]
        pieces = [piece async for piece in client.container_logs("web", tty=tty, tail="2", timestamps=True)]
        stamp = b"1970-01-01T00:00:00.000000000Z "
        text = b"".join(data for _, data in pieces)
        assert text == stamp + b"out\n" + stamp + b"err\n"
        assert {stream for stream, _ in pieces} == ({1} if tty else {1, 2})


async def test_a_followed_log_ends_with_the_container_or_with_the_loop(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.containers.script = []
        await client.create_container("web", ContainerCreateRequest(image="busybox"))
        await client.start_container("web")
        web = server.engine.containers.find("web")
        web.log = [Line(1, 0, b"one\n")]
        async with aclosing(client.container_logs("web", tty=False, follow=True)) as pieces:
            async for _, data in pieces:
                assert data == b"one\n"
                break
        while server.engine.containers.following:
            await anyio.lowlevel.checkpoint()
        async for _ in client.container_logs("web", tty=False, follow=True):
            server.engine.containers.exit(web, 0)


async def test_an_attached_container_hears_and_is_heard(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        request = ContainerCreateRequest(image="busybox", open_stdin=True, attach_stdin=True)
        await client.create_container("web", request)
        async with await client.attach_container("web", tty=False, stdin=True) as stdio:
            await client.start_container("web")
            assert await stdio.receive() == (1, b"hello\n")
            await stdio.send(b"echo\n")
            assert await stdio.receive() == (1, b"echo\n")
            await stdio.send_eof()
            with pytest.raises(anyio.EndOfStream):
                await stdio.receive()
        await client.resize_container("web", 24, 80)
        assert server.engine.containers.find("web").size == (24, 80)


async def test_an_exec_is_made_started_and_asked_how_it_ended(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.containers.script = []
        await client.create_container("web", ContainerCreateRequest(image="busybox"))
        await client.start_container("web")
        wanted = ExecCreateRequest(cmd=["ls"], attach_stdout=True, attach_stderr=True)
        exec_id = await client.create_exec("web", wanted)
        async with await client.start_exec(exec_id, ExecStartRequest()) as stdio:
            assert [await stdio.receive(), await stdio.receive()] == [(1, b"ls\n"), (2, b"careful\n")]
            with pytest.raises(anyio.EndOfStream):
                await stdio.receive()
        assert (await client.inspect_exec(exec_id)).exit_code == 0
        await client.start_exec_detached(exec_id)
        with pytest.raises(ApiError, match="No such exec instance: gone"):
            await client.start_exec("gone", ExecStartRequest())
        with pytest.raises(ApiError, match="No exec command specified"):
            await client.create_exec("web", ExecCreateRequest())
        await client.stop_container("web")
        with pytest.raises(ApiError, match="is not running") as caught:
            await client.start_exec(exec_id, ExecStartRequest())
        assert caught.value.status == 409


async def test_what_happens_inside_a_listening_block_is_heard(tmp_path: Path) -> None:
    async with (
        served_client(tmp_path) as (_, client),
        client.listening(filters={"type": ["container"]}) as events,
    ):
        await client.create_container("web", ContainerCreateRequest(image="busybox", labels={"app": "shop"}))
        async for event in events:
            assert (event.action, event.actor.attributes["name"]) == ("create", "web")
            break


async def test_past_events_can_be_asked_for(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.events.publish("volume", "create", "data", {})
        found = [event.action async for event in client.events(since="0", until="1")]
        assert found == []
        async with aclosing(client.events(since="0")) as events:
            async for event in events:
                assert event.actor.id == "data"
                break


async def test_files_go_in_and_come_out(tmp_path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    async with served_client(tmp_path) as (server, client):
        await client.create_container("web", ContainerCreateRequest(image="busybox"))
        await client.put_archive("web", "/etc", b"tar bytes")
        assert [chunk async for chunk in client.get_archive("web", "/etc")] == [b"tar bytes"]
        await client.put_archive("web", "/big", parts())
        assert len(server.engine.containers.archives["/big"]) == 1_000_000


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

    async with anyio.create_task_group() as tasks, listener:
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

    async with anyio.create_task_group() as tasks, listener:
        tasks.start_soon(listener.serve, answer)
        async with EngineClient(f"unix://{tmp_path}/odd.sock") as client:
            with pytest.raises(EngineUnreachable, match="broke off"):
                await client.version()
        tasks.cancel_scope.cancel()


def test_the_credentials_header_is_url_safe_json() -> None:
    from engine.api.credentials import registry_auth

    header = base64.urlsafe_b64encode(msgspec.json.encode({"username": "a?>", "password": "b"})).decode()
    assert registry_auth({"x-registry-auth": header.rstrip("=")}) == AuthConfig(username="a?>", password="b")
    assert registry_auth({}) is None
    for useless in ("", "e30=", "not base64!"):
        assert registry_auth({"x-registry-auth": useless}) is None


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


async def test_credentials_are_looked_up_for_calls_that_bring_none(tmp_path: Path) -> None:
    known = AuthConfig(username="me", password="p")
    asked: list[str] = []

    async def find_auth(image: str) -> AuthConfig | None:
        asked.append(image)
        return known if image.startswith("reg.lan/") else None

    given = AuthConfig(username="other", password="p")
    async with served(tmp_path) as server, EngineClient(server.address, find_auth=find_auth) as client:
        images = server.engine.images
        for image, auth in (("reg.lan/app:1", None), ("redis:7", None), ("reg.lan/app:2", given)):
            lines = [line async for line in client.pull_image(image, auth=auth)]
            assert lines
        await client.inspect_distribution("reg.lan/app:3")
        assert [line async for line in client.push_image("reg.lan/app:4")]
        assert [auth for _, _, auth in images.pulled] == [known, None, given, known]
        assert images.pushed == [("reg.lan/app:4", known)]
    assert asked == ["reg.lan/app:1", "redis:7", "reg.lan/app:3", "reg.lan/app:4"]


async def test_a_push_that_fails_half_way_is_an_error(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        server.engine.images.pull_error = RegistryError("denied: no")
        with pytest.raises(ApiError, match="denied: no"):
            async for line in client.push_image("reg.lan/app:1"):
                assert line.status


async def test_a_login_says_what_to_keep_or_that_it_was_refused(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        good = await client.log_in(AuthConfig(username="me", password="right", serveraddress="gives.tokens"))
        assert good.identity_token == "a-token"
        with pytest.raises(ApiError, match="incorrect") as raised:
            await client.log_in(AuthConfig(username="me", password="wrong"))
        assert raised.value.status == 401


async def test_headers_of_the_user_go_along_with_every_request(tmp_path: Path) -> None:
    listener = await anyio.create_unix_listener(tmp_path / "seen.sock")
    seen: list[bytes] = []

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            for _ in range(2):
                seen.append(await stream.receive())
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    async with anyio.create_task_group() as tasks, listener:
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
