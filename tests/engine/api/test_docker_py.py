"""docker-py against the server in front of fake services; it uses the older ways of taking a connection over."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.fakes.serving import served

docker: Any = importlib.import_module("docker")  # ships no types

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def client_of(directory: Path) -> AsyncIterator[tuple[Any, Callable[..., Any]]]:
    """A docker-py client, and a way to call it without holding up the server."""
    async with served(directory) as server:
        client = await anyio.to_thread.run_sync(lambda: docker.DockerClient(base_url=server.address, timeout=60))

        async def call(action: Callable[[], Any]) -> Any:
            return await anyio.to_thread.run_sync(action)

        try:
            yield client, call
        finally:
            await call(client.close)


async def test_run_gives_the_output(tmp_path: Path) -> None:
    async with client_of(tmp_path) as (client, call):
        assert await call(lambda: client.containers.run("busybox", "echo")) == b"hello\n"


async def test_errors_are_of_dockers_kinds(tmp_path: Path) -> None:
    async with client_of(tmp_path) as (client, call):
        with pytest.raises(docker.errors.NotFound):
            await call(lambda: client.containers.get("none"))
        with pytest.raises(docker.errors.ImageNotFound):
            await call(lambda: client.images.get("none"))


async def test_docker_py_lists_pulls_and_makes_volumes_and_networks(tmp_path: Path) -> None:
    async with client_of(tmp_path) as (client, call):
        assert (await call(client.version))["ApiVersion"] == "1.51"
        assert [image.tags for image in await call(client.images.list)] == [["busybox:latest"]]
        volume = await call(lambda: client.volumes.create("data", labels={"a": "b"}))
        assert [v.name for v in await call(lambda: client.volumes.list(filters={"label": "a=b"}))] == ["data"]
        await call(volume.remove)
        network = await call(lambda: client.networks.create("front"))
        assert [n.name for n in await call(lambda: client.networks.list(names=["front"]))] == ["front"]
        await call(network.remove)
