"""The API's checkpoints: what is asked for arrives, and who forbids experiments is obeyed."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from engine.client import ApiError
from engine.containers.checkpoints.taking import Wish
from engine.wire.containers import ContainerCreateRequest
from tests.engine.api.bare import until_closed
from tests.fakes.serving import Served, served, served_client

pytestmark = pytest.mark.anyio

_PING = b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def _web(server: Served) -> None:
    await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))


def _identify(server: Served, **changes: bool) -> None:
    system = server.engine.system
    system.identity = msgspec.structs.replace(system.identity, **changes)


async def test_the_wishes_for_a_checkpoint_arrive(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        await _web(server)
        path = "/containers/web/checkpoints"
        await client.call("POST", path, body={"CheckpointID": "cp1", "CheckpointDir": "/kept", "Exit": True})
        await client.call("POST", path, body={"CheckpointID": "cp2"})
        await client.call("DELETE", f"{path}/cp1?dir=/kept")
        await client.call("POST", "/containers/web/start?checkpoint=cp2&checkpoint-dir=/kept")
        assert server.engine.containers.checkpoints_asked == [
            ("create", "web", Wish("cp1", "/kept", True)),
            ("create", "web", Wish("cp2", "", False)),
            ("remove", "web", "cp1", "/kept"),
            ("start", "web", "cp2", "/kept"),
        ]


async def test_a_list_has_names_and_none_is_null(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        await _web(server)
        assert msgspec.json.decode(await client.call("GET", "/containers/web/checkpoints")) is None
        server.engine.containers.checkpoint_names = ["cp1", "cp2"]
        listed = msgspec.json.decode(await client.call("GET", "/containers/web/checkpoints"))
        assert listed == [{"Name": "cp1"}, {"Name": "cp2"}]


async def test_where_settings_forbid_experiments_they_are_refused_in_dockers_words(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        await _web(server)
        _identify(server, forbids_experiments=True)
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/cp1")):
            with pytest.raises(ApiError, match="This experimental feature is disabled by default") as refused:
                await client.call(method, f"/containers/web/checkpoints{path}")
            assert refused.value.status == 501
        with pytest.raises(ApiError, match="checkpoint is only supported in experimental mode") as refused:
            await client.call("POST", "/containers/web/start?checkpoint=cp1")
        assert refused.value.status == 400
        assert server.engine.containers.checkpoints_asked == []


@pytest.mark.parametrize(("is_experimental", "said"), [(True, b"true"), (False, b"false")])
async def test_the_docker_command_line_is_told_whether_to_offer_them(
    tmp_path: Path, said: bytes, *, is_experimental: bool
) -> None:
    async with served(tmp_path) as server:
        _identify(server, is_experimental=is_experimental)
        async with await anyio.connect_unix(server.socket) as stream:
            await stream.send(_PING)
            assert b"Docker-Experimental: " + said in await until_closed(stream)
