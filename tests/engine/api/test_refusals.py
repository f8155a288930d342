"""Requests that Docker refuses, refused with its status and its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.client import ApiError
from engine.wire.containers import ContainerCreateRequest
from tests.fakes.serving import served_client

pytestmark = pytest.mark.anyio

NOT_EMPTY = "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/containers/none/kill", 404, "cannot kill container: none: No such container: none"),
        ("POST", "/containers/create?name=/", 400, "Invalid container name (/), only"),
        ("POST", "/images/prune?filters=%7B%22until%22%3A%5B%22x%22%5D%7D", 400, "failed to parse value as time"),
        ("POST", "/images/create?fromImage=x&platform=fax", 400, '"fax": unknown operating system or architecture'),
        ("GET", "/containers/none/archive?path=%00", 400, "'path' has a null byte"),
        ("DELETE", "/images/busybox?platforms=x", 400, "failed to parse platform"),
    ],
)
async def test_it_says_what_is_wrong(tmp_path: Path, method: str, path: str, status: int, words: str) -> None:
    async with served_client(tmp_path) as (_, client):
        with pytest.raises(ApiError) as refused:
            await client.call(method, path)
    assert (refused.value.status, words in refused.value.message) == (status, True), refused.value.message


async def test_settings_belong_to_create_not_to_start(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (server, client):
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        with pytest.raises(ApiError, match=NOT_EMPTY) as refused:
            await client.call("POST", "/containers/web/start", body={"Binds": ["/a:/b"]})
        assert refused.value.status == 400
        await client.call("POST", "/containers/web/start", body={})
        assert server.engine.containers.find("web").log
