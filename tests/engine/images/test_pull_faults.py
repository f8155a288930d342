"""Pulling from the real registry through a proxy that spoils what it is told to, and from a pull-through mirror."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from engine.errors import EngineError, InvalidLayer, RegistryError
from tests.engine.images.conftest import Machine, machine_with_mirror
from tests.fakes.docker_registry import DockerRegistry, serve_docker_registry
from tests.fakes.faulty_proxy import FaultyProxy, Trouble, serve_faulty_proxy
from tests.fakes.registry import FakeRegistry, digest_of, serve_registry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]

LOW = tar_of({"etc/a": b"low"})
BIG = tar_of({"big": os.urandom(4_000_000)})
NAME = "library/app"
MANIFEST = "/manifests/1$"


@pytest.fixture(scope="module")
def source() -> Iterator[FakeRegistry]:
    """An image to fill real registries with."""
    with serve_registry() as fake:
        fake.put_image(NAME, "1", [LOW, BIG], compress=bytes)
        yield fake


@pytest.fixture
async def real(tmp_path: Path, source: FakeRegistry) -> AsyncIterator[DockerRegistry]:
    """A real registry with one image of two layers, the second of 4 MB."""
    with serve_docker_registry(tmp_path / "real") as registry:
        filler = machine_with_mirror(tmp_path / "filler", source.url)
        await filler.pull("app:1")
        await filler.images.tag("app:1", f"{registry.host}/{NAME}", "1")
        async for _ in filler.images.push(f"{registry.host}/{NAME}:1"):
            continue
        filler.store.close()
        yield registry


@pytest.fixture
def proxy(real: DockerRegistry) -> Iterator[FaultyProxy]:
    with serve_faulty_proxy(real.host) as faulty:
        yield faulty


@pytest.fixture
def machine(tmp_path: Path, proxy: FaultyProxy) -> Iterator[Machine]:
    """An engine whose mirror of docker.io is the faulty proxy."""
    made = machine_with_mirror(tmp_path / "machine", proxy.url)
    yield made
    made.store.close()


def layer(content: bytes) -> str:
    return f"/blobs/{digest_of(content)}"


async def test_a_mirror_fetches_what_it_lacks_from_the_registry_behind_it(tmp_path: Path, real: DockerRegistry) -> None:
    with serve_docker_registry(tmp_path / "mirror", mirror_of=real.url) as mirror:
        engine = machine_with_mirror(tmp_path / "machine", mirror.url)
        await engine.pull("app:1")
        assert engine.images.get("app:1").diff_ids == [digest_of(LOW), digest_of(BIG)]
        engine.store.close()


@pytest.mark.parametrize("cuts", [1, 3])
async def test_a_cut_in_the_middle_of_a_blob_is_resumed_by_range(
    machine: Machine, proxy: FaultyProxy, cuts: int
) -> None:
    proxy.troubles += [Trouble(layer(BIG), cut_after=1_000_000) for _ in range(cuts)]
    await machine.pull("app:1")
    assert proxy.ranges == [f"bytes={number * 1_000_000}-" for number in range(1, cuts + 1)]


async def test_a_server_without_ranges_is_read_from_the_start(machine: Machine, proxy: FaultyProxy) -> None:
    proxy.knows_ranges = False
    proxy.troubles.append(Trouble(layer(BIG), cut_after=1_000_000))
    await machine.pull("app:1")
    assert proxy.count("GET", layer(BIG)) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", [MANIFEST, layer(BIG)], ids=["manifest", "layer"])
async def test_what_is_only_busy_is_asked_again(machine: Machine, proxy: FaultyProxy, path: str, status: int) -> None:
    proxy.troubles.append(Trouble(path, times=2, status=status, headers={"Retry-After": "0"}))
    await machine.pull("app:1")
    assert proxy.count("GET", path) == 3


@pytest.mark.parametrize("length", [1_000, 40_000_000], ids=["short", "long"])
async def test_a_wrong_content_length_does_no_harm(machine: Machine, proxy: FaultyProxy, length: int) -> None:
    proxy.troubles.append(Trouble(layer(BIG), length=length))
    await machine.pull("app:1")
    assert machine.images.get("app:1").size == 4_000_003


async def test_wrong_bytes_are_fetched_once_more_and_then_refused(machine: Machine, proxy: FaultyProxy) -> None:
    def spoil(body: bytes) -> bytes:
        return body[:-1] + b"x"

    proxy.troubles.append(Trouble(layer(BIG), replace=spoil))
    await machine.pull("app:1")
    await machine.images.remove("app:1", force=True, used_by=lambda _: [])
    proxy.troubles.append(Trouble(layer(BIG), times=2, replace=spoil))
    with pytest.raises(InvalidLayer, match="is corrupt"):
        await machine.pull("app:1")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(MANIFEST, times=9, replace=lambda body: body[:100]), "not sha256:.* as promised"),
        (Trouble(MANIFEST, times=9, replace=lambda body: body + b" " * 5_000_000), "longer than 4194304 bytes"),
        (Trouble(MANIFEST, times=9, cut_after=10), "broke off"),
        (Trouble(MANIFEST, times=9, status=302, headers={"Location": "file:///etc/passwd"}), "not safe"),
    ],
    ids=["truncated", "huge", "cut", "redirected"],
)
async def test_a_manifest_that_cannot_be_used_is_refused(
    machine: Machine, proxy: FaultyProxy, trouble: Trouble, words: str
) -> None:
    proxy.troubles.append(trouble)
    with pytest.raises(RegistryError, match=words):
        await machine.pull("app:1")
    assert machine.files() == []


async def test_a_truncated_manifest_of_a_mirror_without_digests_leads_to_the_next(
    tmp_path: Path, proxy: FaultyProxy, source: FakeRegistry
) -> None:
    body = source.answers[f"/v2/{NAME}/manifests/1"]
    with serve_registry() as broken:
        broken.answers[f"/v2/{NAME}/manifests/1"] = (body[0], body[1][:200])
        engine = machine_with_mirror(tmp_path / "two", broken.url, proxy.url)
        await engine.pull("app:1")
        engine.store.close()


async def test_blobs_may_be_kept_elsewhere(machine: Machine, proxy: FaultyProxy, source: FakeRegistry) -> None:
    elsewhere = f"{source.url}/v2/{NAME}{layer(BIG)}"
    proxy.troubles.append(Trouble(layer(BIG), status=307, headers={"Location": elsewhere}))
    await machine.pull("app:1")
    assert proxy.count("GET", layer(BIG)) == 1


async def test_a_slow_answer_can_be_called_off_and_leaves_only_whole_blobs(
    machine: Machine, proxy: FaultyProxy
) -> None:
    is_sending, may_go_on = threading.Event(), threading.Event()

    def between_pieces() -> None:
        if is_sending.is_set():
            may_go_on.wait(60)
        is_sending.set()

    async def pull(is_low_here: anyio.Event) -> None:
        async for line in machine.images.pull("app:1"):
            if (line.id, line.status) == (digest_of(LOW).removeprefix("sha256:")[:12], "Download complete"):
                is_low_here.set()

    proxy.troubles.append(Trouble(layer(BIG), between_pieces=between_pieces))
    async with anyio.create_task_group() as tasks:
        is_low_here = anyio.Event()
        tasks.start_soon(pull, is_low_here)
        await is_low_here.wait()
        await anyio.to_thread.run_sync(is_sending.wait)
        tasks.cancel_scope.cancel()
    may_go_on.set()
    digests = {digest_of(LOW).removeprefix("sha256:")}
    assert {name for name in machine.files() if len(name) == 64} <= digests
    proxy.troubles.clear()
    await machine.pull("app:1")
    assert proxy.count("GET", layer(LOW)) == 1


async def test_pulls_at_the_same_time_share_downloads_that_are_cut(machine: Machine, proxy: FaultyProxy) -> None:
    proxy.troubles.append(Trouble(layer(BIG), cut_after=1_000_000))
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(machine.pull, "app:1")
    assert proxy.count("GET", layer(BIG)) == 2
    assert proxy.count("GET", layer(LOW)) == 1


async def test_a_registry_that_is_gone_for_good_is_an_error_not_a_wait(machine: Machine, proxy: FaultyProxy) -> None:
    proxy.troubles.append(Trouble(layer(BIG), times=99, cut_after=0))
    with anyio.fail_after(60), pytest.raises(EngineError):
        await machine.pull("app:1")
