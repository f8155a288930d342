"""What this engine does not have is answered so that clients know what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.client import ApiError
from tests.fakes.serving import served_client

pytestmark = pytest.mark.anyio

NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nodes", 503, NO_MANAGER),
        ("GET", "/services", 503, NO_MANAGER),
        ("POST", "/services/create", 503, NO_MANAGER),
        ("DELETE", "/secrets/one", 503, NO_MANAGER),
        ("GET", "/tasks/one/logs", 503, NO_MANAGER),
        ("GET", "/swarm/unlockkey", 503, NO_MANAGER),
        ("POST", "/swarm/leave", 503, "This node is not part of a swarm"),
        ("POST", "/swarm/init", 501, "swarm mode is not a part of this engine"),
        ("GET", "/plugins/vieux/sshfs:latest/json", 404, 'plugin "vieux/sshfs:latest" not found'),
        ("POST", "/plugins/vieux/sshfs/enable", 404, 'plugin "vieux/sshfs" not found'),
        ("POST", "/plugins/pull", 501, "plugins are not a part of this engine"),
        ("POST", "/session", 400, "no upgrade proto in request"),
        ("POST", "/grpc", 400, "no upgrade proto in request"),
        ("PUT", "/volumes/one", 503, "volume update only valid for cluster volumes, but swarm is unavailable"),
        ("DELETE", "/images/", 400, "image name cannot be blank"),
        ("PATCH", "/containers/json", 404, "page not found"),
        ("GET", "/containers/create", 404, "page not found"),
        ("GET", "/containers/json/", 404, "page not found"),
        ("GET", "/system/df?type=images", 400, "unknown object type: images"),
    ],
)
async def test_it_is_refused_in_words_that_clients_know(
    tmp_path: Path, method: str, path: str, status: int, words: str
) -> None:
    async with served_client(tmp_path) as (_, client):
        with pytest.raises(ApiError) as refused:
            await client.call(method, path)
    assert refused.value.status == status
    assert words in refused.value.message


async def test_there_are_no_plugins(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        assert await client.call("GET", "/plugins") == b"[]\n"


async def test_options_are_answered_with_nothing(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        assert await client.call("OPTIONS", "/containers/json") == b""


async def test_disk_usage_counts_only_what_is_asked_for(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        everything = await client.fetch(dict[str, object], "GET", "/system/df")
        images = await client.call("GET", "/system/df", {"type": ("image", "volume")})
    assert set(everything) == {"LayersSize", "Images", "Containers", "Volumes", "BuildCache"}
    assert images == b'{"LayersSize":0,"Images":[],"Containers":null,"Volumes":[],"BuildCache":null}\n'


async def test_old_clients_get_everything_whatever_they_ask_for(tmp_path: Path) -> None:
    async with served_client(tmp_path) as (_, client):
        client._version = "1.41"
        answer = await client.fetch(dict[str, object], "GET", "/system/df", {"type": "images"})
    assert set(answer) == {"LayersSize", "Images", "Containers", "Volumes", "BuilderSize", "BuildCache"}
