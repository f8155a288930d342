"""Images and files on their way to and from the engine, and who may have them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import msgspec
import pytest

from engine.client import ApiError, EngineClient
from engine.client.transfers import split_reference
from engine.errors import RegistryError
from engine.wire.containers import ContainerCreateRequest
from engine.wire.images import AuthConfig
from tests.fakes.serving import served, served_client

pytestmark = pytest.mark.anyio


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


def test_the_credentials_header_is_url_safe_json() -> None:
    from engine.api.credentials import registry_auth

    header = base64.urlsafe_b64encode(msgspec.json.encode({"username": "a?>", "password": "b"})).decode()
    assert registry_auth({"x-registry-auth": header.rstrip("=")}) == AuthConfig(username="a?>", password="b")
    assert registry_auth({}) is None
    for useless in ("", "e30=", "not base64!"):
        assert registry_auth({"x-registry-auth": useless}) is None


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
