"""Pushing to the real registry: what goes up, what need not, and what is told of it."""

from __future__ import annotations

import gzip
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec
import pytest

from engine.errors import BadRequest, EngineError, NotFound
from engine.images.record import Image
from engine.images.store import ImageService
from engine.registry.settings import RegistrySettings
from engine.wire.images import AuthConfig
from tests.engine.images.conftest import Machine
from tests.fakes.docker_registry import PASSWORD, USER, DockerRegistry, make_certificate, serve_docker_registry
from tests.fakes.faulty_proxy import Trouble, serve_faulty_proxy
from tests.fakes.registry import FakeRegistry, digest_of, tar_of

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]

LOW = tar_of({"etc/a": b"low", "etc/b": b"low"})
TOP = tar_of({"etc/a": b"top"})
BIG = tar_of({"big": os.urandom(3_000_000)})
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with serve_docker_registry(tmp_path_factory.mktemp("target")) as real:
        yield real


async def push(machine: Machine, name: str, auth: AuthConfig | None = None) -> list[str]:
    """Push and return what is told, a text per line."""
    return [
        f"{line.id}: {line.status}" if line.id else str(line.status or line.aux)
        async for line in machine.images.push(name, auth=auth)
    ]


def fetch(target: DockerRegistry, repository: str, reference: str) -> tuple[str, dict[str, object]]:
    """A manifest's media type and content."""
    accept = {"Accept": f"{DOCKER}, application/vnd.oci.image.manifest.v1+json"}
    request = urllib.request.Request(f"{target.url}/v2/{repository}/manifests/{reference}", headers=accept)
    with urllib.request.urlopen(request) as answer:
        return answer.headers["Content-Type"], json.loads(answer.read())


async def pulled(machine: Machine, registry: FakeRegistry, layers: list[bytes], *tags: str) -> Image:
    """An image from the fake mirror, with more names."""
    registry.put_image("library/app", "1", layers)
    await machine.pull("app:1")
    for tag in tags:
        repository, _, name = tag.rpartition(":")
        await machine.images.tag("app:1", repository, name)
    return machine.images.get("app:1")


async def test_a_pulled_image_goes_up_by_the_manifest_it_came_with(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry
) -> None:
    name = f"{target.host}/first/app"
    image = await pulled(machine, registry, [LOW, TOP], f"{name}:1")
    digest = image.repo_digests[0].partition("@")[2]
    size = len(registry.answers["/v2/library/app/manifests/1"][1])
    top, low = (digest_of(layer).removeprefix("sha256:")[:12] for layer in (TOP, LOW))
    lines = await push(machine, f"{name}:1")
    assert lines[:3] == [f"The push refers to repository [{name}]", f"{top}: Preparing", f"{low}: Preparing"]
    assert {line for line in lines[3:-2] if "Pushing" not in line} == {f"{top}: Pushed", f"{low}: Pushed"}
    assert lines[-2] == f"1: digest: {digest} size: {size}"
    assert lines[-1] == str({"Tag": "1", "Digest": digest, "Size": size})
    assert f"{name}@{digest}" in machine.images.get("app:1").repo_digests
    assert fetch(target, "first/app", "1")[0] == "application/vnd.oci.image.manifest.v1+json"
    with machine.events.listen() as stream:
        again = await push(machine, f"{name}:1")
        event = stream.receive_nowait()
    assert set(again[3:-2]) == {f"{top}: Layer already exists", f"{low}: Layer already exists"}
    assert (event.type, event.action, event.actor.id) == ("image", "push", f"{name}:1")
    assert event.actor.attributes == {"name": name}


async def test_what_was_pushed_can_be_pulled_elsewhere(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry
) -> None:
    name = f"{target.host}/round/app:1"
    image = await pulled(machine, registry, [LOW, BIG], name)
    await push(machine, name)
    await machine.images.remove(image.id, force=True, used_by=lambda _: [])
    assert machine.files() == []
    await machine.pull(name)
    assert machine.images.get(name).id == image.id


async def test_layers_are_mounted_from_a_neighbour_that_has_them(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry
) -> None:
    names = [f"{target.host}/mount/{name}:1" for name in ("a", "b")]
    await pulled(machine, registry, [BIG], *names)
    await push(machine, names[0])
    lines = await push(machine, names[1])
    assert f"{digest_of(BIG).removeprefix('sha256:')[:12]}: Mounted from mount/a" in lines


async def test_all_tags_of_a_repository_go_up_at_once(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry
) -> None:
    name = f"{target.host}/all/app"
    await pulled(machine, registry, [LOW], f"{name}:1", f"{name}:2", f"{target.host}/all/other:3")
    lines = await push(machine, name)
    assert [line.partition(":")[0] for line in lines if "digest:" in line] == ["1", "2"]
    assert fetch(target, "all/app", "2") == fetch(target, "all/app", "1")


async def test_an_image_made_here_is_packed_while_it_goes_up(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry, tmp_path: Path
) -> None:
    base = await pulled(machine, registry, [LOW])
    name = f"{target.host}/made/app:1"
    image = await made_on(machine, base, tmp_path, name)
    lines = await push(machine, name)
    kind, manifest = fetch(target, "made/app", "1")
    assert kind == DOCKER
    layers = msgspec.convert(manifest["layers"], list[dict[str, object]])
    assert [layer["mediaType"] for layer in layers] == ["application/vnd.docker.image.rootfs.diff.tar.gzip"] * 2
    assert layers[0]["digest"] == digest_of(gzip.compress(LOW, 1, mtime=0))
    assert manifest["config"] == {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": (machine.paths.content / "sha256" / image.id.removeprefix("sha256:")).stat().st_size,
        "digest": image.id,
    }
    digest = lines[-2].split()[2]
    # The next push knows the packed layer, and so does whoever pulls it.
    assert sum("Layer already exists" in line for line in await push(machine, name)) == 2
    assert f"digest: {digest}" in (await push(machine, name))[-2]
    await machine.images.remove(image.id, force=True, used_by=lambda _: [])
    await machine.pull(name)
    assert machine.images.get(name).chain_ids == image.chain_ids


async def test_pushes_at_the_same_time_do_not_disturb_each_other(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry, tmp_path: Path
) -> None:
    base = await pulled(machine, registry, [LOW])
    names = [f"{target.host}/twice/{name}:1" for name in ("a", "a", "b")]
    image = await made_on(machine, base, tmp_path, names[0])
    await machine.images.tag(image.id, f"{target.host}/twice/b", "1")
    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(push, machine, name)
    assert fetch(target, "twice/a", "1") == fetch(target, "twice/b", "1")
    digests = machine.images.get(names[0]).repo_digests
    assert len(digests) == len({digest.partition("@")[0] for digest in digests}) == 2


async def test_an_image_may_have_one_layer_twice(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry
) -> None:
    name = f"{target.host}/same/app:1"
    image = await pulled(machine, registry, [TOP, LOW, TOP], name)
    lines = await push(machine, name)
    assert sum("Preparing" in line for line in lines) == 2
    await machine.images.remove(image.id, force=True, used_by=lambda _: [])
    await machine.pull(name)
    assert machine.images.get(name).diff_ids == image.diff_ids


async def test_an_image_without_layers_goes_up_too(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry
) -> None:
    name = f"{target.host}/none/app:1"
    await pulled(machine, registry, [], name)
    assert "digest: " in (await push(machine, name))[-2]


async def test_a_push_that_is_cut_goes_on(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry, tmp_path: Path
) -> None:
    base = await pulled(machine, registry, [LOW])
    with serve_faulty_proxy(target.host) as proxy:
        name = f"{proxy.host}/cut/app:1"
        await made_on(machine, base, tmp_path, name)
        proxy.troubles += [
            Trouble("/blobs/uploads/", "PATCH", cut_upload_after=1_000_000),
            Trouble("/blobs/uploads/", "POST", status=503),
            Trouble("/manifests/", "PUT", status=429, headers={"Retry-After": "0"}),
        ]
        lines = await push(machine, name)
        assert "digest: " in lines[-2]


async def test_a_push_that_fails_leaves_nothing_behind(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry, tmp_path: Path
) -> None:
    base = await pulled(machine, registry, [LOW])
    with serve_faulty_proxy(target.host) as proxy:
        name = f"{proxy.host}/fail/app:1"
        await made_on(machine, base, tmp_path, name)
        before = machine.files()
        proxy.troubles.append(Trouble("/blobs/uploads/", "PATCH", times=99, status=400))
        with pytest.raises(EngineError, match="400"):
            await push(machine, name)
        assert machine.files() == before


async def test_who_stops_reading_a_push_calls_it_off(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry, tmp_path: Path
) -> None:
    base = await pulled(machine, registry, [LOW])
    with serve_faulty_proxy(target.host) as proxy:
        name = f"{proxy.host}/stop/app:1"
        await made_on(machine, base, tmp_path, name)
        before = machine.files()
        later = {"Retry-After": "30"}
        proxy.troubles += [
            Trouble("/blobs/", method, times=99, status=503, headers=later) for method in ("HEAD", "POST")
        ]
        with anyio.move_on_after(0.5) as scope:
            await push(machine, name)
        assert scope.cancelled_caught
        assert machine.files() == before
        assert proxy.count("PUT", "/manifests/") == 0


async def test_names_that_are_not_here_are_refused_in_dockers_words(
    machine: Machine, registry: FakeRegistry, target: DockerRegistry
) -> None:
    await pulled(machine, registry, [LOW], f"{target.host}/no/app:1")
    with pytest.raises(NotFound, match=r"tag does not exist: .*/no/app:2"):
        await push(machine, f"{target.host}/no/app:2")
    with pytest.raises(NotFound, match=r"An image does not exist locally with the tag: nobody\Z"):
        await push(machine, "nobody:1")
    with pytest.raises(BadRequest, match="cannot push a digest reference"):
        await push(machine, f"app@{digest_of(b'')}")


async def test_a_registry_with_passwords_wants_credentials(
    machine: Machine, registry: FakeRegistry, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    with serve_docker_registry(tmp_path / "secure", certificate=certificate, passwords=True) as secure:
        name = f"{secure.host}/app:1"
        await pulled(machine, registry, [LOW], name)
        settings = RegistrySettings(authorities={secure.host: certificate})
        images = ImageService(machine.paths, machine.store, machine.events, settings)
        machine.images = images
        for wrong in (None, AuthConfig(username=USER, password="wrong")):
            with pytest.raises(EngineError, match="unauthorized: authentication required") as raised:
                await push(machine, name, wrong)
            assert "wrong" not in str(raised.value)
        auth = AuthConfig(username=USER, password=PASSWORD, serveraddress=secure.host)
        assert "digest: " in (await push(machine, name, auth))[-2]
        assert await images.log_in(auth) == ""
        with pytest.raises(EngineError, match="unauthorized: incorrect username or password"):
            await images.log_in(AuthConfig(username=USER, password="wrong", serveraddress=secure.host))
        assert [found.name for found in await images.search(f"{secure.host}/ap", limit=5, auth=auth)] == ["app"]


async def made_on(machine: Machine, base: Image, place: Path, name: str) -> Image:
    """An image with one layer more, as a commit makes it."""
    upper = place / "upper"
    upper.mkdir()
    (upper / "new").write_bytes(os.urandom(3_000_000))
    inventory = machine.images.inventory
    with inventory.making():
        layer = await anyio.to_thread.run_sync(lambda: inventory.layers.capture(upper, base.chain_ids, moves=False))
        config = {
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [*base.diff_ids, layer.diff_id]},
        }  # fmt: skip
        return await inventory.add(json.dumps(config).encode(), tags=[name])
