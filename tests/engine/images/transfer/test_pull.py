"""Pulling from a registry that does as it should, and from one that does not."""

from __future__ import annotations

import gc
import gzip
import os
import threading

import anyio
import anyio.lowlevel
import pytest
from msgspec import UnsetType

from engine.errors import BadRequest, EngineError, Forbidden, InvalidLayer, NoSuchImage, NotFound, RegistryError
from engine.images.store import ImageService
from tests.engine.images.conftest import OFFLINE, Machine
from tests.fakes.registry import INDEX, FakeRegistry, Fault, digest_of, serve_registry, tar_of

pytestmark = [pytest.mark.root, pytest.mark.anyio]

LOW = tar_of({"etc/a": b"low", "etc/b": b"low"})
TOP = tar_of({"etc/a": b"top"})
BIG = tar_of({"big": os.urandom(2_000_000)})


async def test_a_pull_tells_of_its_layers_as_docker_does(machine: Machine, registry: FakeRegistry) -> None:
    manifest = registry.put_image("library/app", "1", [LOW, TOP])
    lines = await machine.pull("app:1")
    assert (lines[0].id, lines[0].status) == ("1", "Pulling from library/app")
    assert [line.status for line in lines].count("Pulling fs layer") == 2
    assert [line.status for line in lines].count("Download complete") == 2
    assert [line.status for line in lines].count("Pull complete") == 2
    assert lines[-2].status == f"Digest: {manifest['digest']}"
    assert lines[-1].status == "Status: Downloaded newer image for app:1"
    again = await machine.pull("app:1")
    assert [line.status for line in again] == [
        "Pulling from library/app",
        f"Digest: {manifest['digest']}",
        "Status: Image is up to date for app:1",
    ]


async def test_a_pulled_image_can_be_mounted_and_described(machine: Machine, registry: FakeRegistry) -> None:
    manifest = registry.put_image(
        "library/app", "1", [LOW, TOP], {"Cmd": ["run"], "Env": ["A=b"], "Volumes": {"/data": {}}, "Labels": None}
    )
    await machine.pull("app:1")
    image = machine.images.get("app:1")
    assert image.config.cmd == ["run"]
    assert image.repo_digests == [f"app@{manifest['digest']}"]
    await machine.snapshots.create("c", image.chain_ids)
    rootfs = await machine.snapshots.mount("c")
    assert (rootfs / "etc/a").read_text() == "top"
    assert (rootfs / "etc/b").read_text() == "low"
    await machine.snapshots.remove("c")
    inspected = machine.images.inspect(image)
    assert inspected.root_fs.layers == [digest_of(LOW), digest_of(TOP)]
    assert inspected.size == 9
    assert inspected.created == "2024-01-02T03:04:05Z"
    assert machine.images.summary(image).created == 1704164645
    assert [(step.created_by, step.size) for step in machine.images.history(image)] == [("step 1", 3), ("step 0", 6)]


async def test_layers_that_are_there_are_not_fetched_again(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/base", "1", [BIG])
    registry.put_image("library/app", "1", [BIG, TOP])
    await machine.pull("base:1")
    before = registry.blob_requests()
    lines = await machine.pull("app:1")
    assert "Already exists" in [line.status for line in lines]
    assert registry.blob_requests() == before + 2  # the config and the one new layer


async def test_pulls_at_the_same_time_share_every_download(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/one", "1", [BIG, TOP])
    registry.put_image("library/two", "1", [BIG, LOW])
    hold = threading.Event()
    registry.faults += [Fault(digest_of_blob(registry, "library/one", BIG), hold=hold)]
    statuses: list[str] = []

    async def pull(name: str) -> None:
        async for line in machine.images.pull(name):
            statuses.append(str(line.status))
            if statuses.count("Pulling fs layer") == 6:  # all three have joined
                hold.set()

    async with anyio.create_task_group() as tasks:
        for name in ("one:1", "one:1", "two:1"):
            tasks.start_soon(pull, name)
    assert statuses.count("Pull complete") == 6
    assert sum(count for path, count in registry.asked.items() if path.endswith(digest_of_blob_of(BIG))) == 1


async def test_one_archive_as_two_layers_is_fetched_once(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [TOP, LOW, TOP])
    await machine.pull("app:1")
    assert registry.blob_requests() == 3
    assert len(set(machine.images.get("app:1").chain_ids)) == 3


async def test_a_download_that_is_cut_is_resumed_while_it_is_unpacked(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [BIG])
    registry.faults.append(Fault(digest_of_blob_of(BIG), cut_after=1_000_000))
    await machine.pull("app:1")
    assert registry.ranges == ["bytes=1000000-"]
    assert machine.images.get("app:1").size == 2_000_000


@pytest.mark.parametrize("position", [0, 1_500_000])
async def test_a_corrupt_download_fails_and_leaves_nothing_of_it(
    machine: Machine, registry: FakeRegistry, position: int
) -> None:
    registry.put_image("library/app", "1", [BIG])

    def corrupt(body: bytes) -> bytes:
        return body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]

    registry.faults.append(Fault(digest_of_blob_of(BIG), times=2, replace=corrupt))
    with pytest.raises(InvalidLayer, match="is corrupt"):
        await machine.pull("app:1")
    assert machine.files() == []
    with pytest.raises(NoSuchImage):
        machine.images.get("app:1")
    assert (await machine.pull("app:1"))[-1].status == "Status: Downloaded newer image for app:1"


async def test_a_mirror_that_sends_something_corrupt_is_passed_over(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [BIG])
    registry.faults.append(Fault(digest_of_blob_of(BIG), replace=lambda body: body[:-1] + b"x"))
    with serve_registry() as second:
        second.answers = registry.answers
        settings = OFFLINE.with_mirrors({"docker.io": (registry.url, second.url)})
        machine.images = ImageService(machine.paths, machine.store, machine.events, settings)
        await machine.pull("app:1")
        assert second.blob_requests() == 1


async def test_a_layer_that_is_not_what_its_config_says_is_refused(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [TOP], diff_ids=[digest_of(LOW)])
    with pytest.raises(InvalidLayer, match="as its image says"):
        await machine.pull("app:1")
    assert [name for name in machine.files() if len(name) != 64] == []


async def test_a_layer_that_fails_calls_the_others_off_and_keeps_whole_ones(
    machine: Machine, registry: FakeRegistry
) -> None:
    registry.put_image("library/app", "1", [BIG, TOP])
    hold = threading.Event()
    registry.faults += [
        Fault(digest_of_blob_of(BIG), times=9, hold=hold),
        Fault(digest_of_blob_of(TOP), times=9, status=404),
    ]
    with pytest.raises(EngineError, match="404"):
        await machine.pull("app:1")
    hold.set()
    assert machine.files() == []


async def test_a_pull_that_is_cancelled_leaves_nothing_half_made(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [TOP, BIG])
    hold = threading.Event()
    registry.faults.append(Fault(digest_of_blob_of(BIG), hold=hold))
    with anyio.CancelScope() as scope:
        async for line in machine.images.pull("app:1"):
            if line.status == "Pull complete":
                scope.cancel()
    hold.set()
    assert scope.cancelled_caught
    assert not [name for name in machine.files() if ".tmp" in name]
    await machine.pull("app:1")
    assert sum(count for path, count in registry.asked.items() if path.endswith(digest_of_blob_of(TOP))) == 1


async def test_who_stops_reading_a_pull_calls_it_off_but_not_for_others(
    machine: Machine, registry: FakeRegistry
) -> None:
    registry.put_image("library/app", "1", [BIG])
    hold = threading.Event()
    registry.faults.append(Fault(digest_of_blob_of(BIG), hold=hold))
    has_joined = anyio.Event()
    statuses: list[str | UnsetType] = []

    async def stay() -> None:
        async for line in machine.images.pull("app:1"):
            statuses.append(line.status)
            if line.status == "Pulling fs layer":
                has_joined.set()

    async with anyio.create_task_group() as tasks:
        async for line in machine.images.pull("app:1"):
            if line.status == "Pulling fs layer":
                tasks.start_soon(stay)
                await has_joined.wait()
                break
        gc.collect()  # nobody has closed the generator: its end must not need the task that read it
        await anyio.lowlevel.checkpoint()
        hold.set()
    assert statuses[-1] == "Status: Downloaded newer image for app:1"
    assert sum(count for path, count in registry.asked.items() if path.endswith(digest_of_blob_of(BIG))) == 1


async def test_the_platform_chooses_the_image(machine: Machine, registry: FakeRegistry) -> None:
    entries = []
    for architecture, layer in (("arm64", LOW), ("amd64", TOP)):
        entry = registry.put_image("library/app", "", [layer], architecture=architecture)
        entries.append({**entry, "platform": {"os": "linux", "architecture": architecture}})
    index = registry.put_manifest("library/app", "1", {"manifests": entries}, INDEX)
    await machine.pull("app:1", "linux/arm64")
    first = machine.images.get("app:1")
    assert (first.architecture, first.repo_digests) == ("arm64", [f"app@{index['digest']}"])
    await machine.pull("app:1", "linux/amd64")
    assert machine.images.get("app:1").architecture == "amd64"
    assert machine.images.get("app:1").repo_digests == [], "an index's digest stays with whom it came first"
    other = machine.images.get(first.id)
    assert (other.repo_tags, other.repo_digests) == ([], [f"app@{index['digest']}"])
    await machine.pull(f"app@{index['digest']}", "linux/amd64")
    assert machine.images.get(f"app@{index['digest']}").architecture == "amd64"
    assert machine.images.get(first.id).repo_digests == []
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x"):
        await machine.pull("app:1", "linux/s390x")


async def test_a_single_image_of_another_platform_than_asked_for_comes_with_a_warning(
    machine: Machine, registry: FakeRegistry
) -> None:
    registry.put_image("library/app", "1", [TOP], architecture="arm64")
    told = [line.status for line in await machine.pull("app:1", "linux/amd64")]
    assert told[-2:] == [
        "Status: Downloaded newer image for app:1",
        "WARNING: image with reference app:1 was found but its platform (linux/arm64) "
        "does not match the specified platform (linux/amd64)",
    ]
    assert not str((await machine.pull("app:1"))[-1].status).startswith("WARNING")
    with pytest.raises(NotFound, match="does not match"):
        await machine.images.resolve("app:1", platform="linux/amd64")


async def test_a_pull_by_digest_gives_no_tag(machine: Machine, registry: FakeRegistry) -> None:
    manifest = registry.put_image("library/app", "1", [TOP])
    await machine.pull(f"app@{manifest['digest']}")
    image = machine.images.get(f"docker.io/library/app@{manifest['digest']}")
    assert (image.repo_tags, image.repo_digests) == ([], [f"app@{manifest['digest']}"])


async def test_what_is_not_there_is_said_in_dockers_words(machine: Machine, registry: FakeRegistry) -> None:
    with pytest.raises(NotFound, match="manifest for app:9 not found: manifest unknown: manifest unknown"):
        await machine.pull("app:9")
    registry.faults.append(Fault("/manifests/", status=403))
    with pytest.raises(NotFound, match=r"pull access denied for app, .* may require 'docker login': denied"):
        await machine.pull("app:9")
    with pytest.raises(BadRequest, match="invalid reference format"):
        await machine.pull("app:")


async def test_an_unreachable_registry_is_named(machine: Machine, registry: FakeRegistry) -> None:
    with pytest.raises(RegistryError, match=r"registry 127\.0\.0\.1:1 cannot be reached") as raised:
        await machine.pull("127.0.0.1:1/app")
    assert raised.value.hint


async def test_a_pull_is_an_event(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [TOP])
    with machine.events.listen() as stream:
        await machine.pull("app:1")
        event = stream.receive_nowait()
    assert (event.type, event.action, event.actor.id) == ("image", "pull", "app:1")
    assert event.actor.attributes == {"name": "app"}


@pytest.mark.net
async def test_the_real_registry_serves_every_kind_of_image(real_machine: Machine) -> None:
    for name in ("hello-world", "alpine:latest", "debian:bookworm-slim-zstd", "redis:7"):
        await real_machine.pull(name)
        image = real_machine.images.get(name)
        await real_machine.snapshots.create("c", image.chain_ids)
        assert any((await real_machine.snapshots.mount("c")).iterdir())
        await real_machine.snapshots.remove("c")


def digest_of_blob_of(layer: bytes) -> str:
    return digest_of(gzip.compress(layer, 1, mtime=0))


def digest_of_blob(registry: FakeRegistry, repository: str, layer: bytes) -> str:
    digest = digest_of_blob_of(layer)
    assert f"/v2/{repository}/blobs/{digest}" in registry.answers
    return digest


async def test_all_tags_of_a_repository_are_pulled_one_after_the_other(
    machine: Machine, registry: FakeRegistry
) -> None:
    for tag in ("1", "2", "3"):
        registry.put_image("library/app", tag, [LOW if tag == "1" else TOP])
    registry.answers["/v2/library/app/tags/list"] = ("application/json", b'{"name": "x", "tags": ["1", "3"]}')
    lines = [line async for line in machine.images.pull_all("app")]
    assert [line.id for line in lines if str(line.status).startswith("Pulling from")] == ["1", "3"]
    assert sorted(tag for image in machine.images.all() for tag in image.repo_tags) == ["app:1", "app:3"]
    told = [line.status for line in lines if str(line.status).startswith("Status")]
    assert told == ["Status: Downloaded newer image for app"]
    again = [line.status async for line in machine.images.pull_all("app")]
    assert again[-1] == "Status: Image is up to date for app"


async def test_a_pull_by_digest_is_news_when_the_image_was_known_by_its_tag_only(
    machine: Machine, registry: FakeRegistry
) -> None:
    registry.put_image("library/app", "1", [LOW])
    other = registry.put_image("team/app", "1", [LOW])
    await machine.pull("app:1")
    assert (await machine.pull(f"team/app@{other['digest']}"))[-1].status == (
        f"Status: Downloaded newer image for team/app@{other['digest']}"
    )
    assert str((await machine.pull(f"team/app@{other['digest']}"))[-1].status).startswith("Status: Image is up to date")


async def test_a_pull_without_news_still_says_when_it_was(machine: Machine, registry: FakeRegistry) -> None:
    registry.put_image("library/app", "1", [LOW])
    await machine.pull("app:1")
    before = machine.images.get("app:1").tagged_ns
    await machine.pull("app:1")
    assert machine.images.get("app:1").tagged_ns > before


async def test_all_tags_of_what_is_not_there_are_refused(machine: Machine) -> None:
    with pytest.raises(NotFound):
        await anext(machine.images.pull_all("nobody"))


async def test_scratch_is_no_image_that_could_be_pulled(machine: Machine) -> None:
    with pytest.raises(Forbidden, match="'scratch' is a reserved name"):
        await machine.pull("scratch")
