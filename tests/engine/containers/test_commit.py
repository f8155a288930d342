"""Images and archives of containers, and what they changed."""

from __future__ import annotations

import io
import tarfile

import anyio
import pytest

from engine.containers.files.commit import CommitOptions
from engine.containers.life.lifecycle import Verb
from engine.containers.streams.options import LogOptions
from engine.errors import BadRequest, Conflict, EngineError, RuntimeFailure
from engine.storage.layers import CapturedLayer
from engine.wire.containers import HostConfig
from tests.engine.containers.conftest import Engine, Open

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]


async def ready(engine: Engine, container: str) -> None:
    """Wait until a container has said something."""
    with anyio.fail_after(60):
        async for _ in engine.containers.logs(container, LogOptions(follow=True)):
            return


async def exported(engine: Engine, container: str) -> set[str]:
    data = b"".join([chunk async for chunk in engine.containers.export(container)])
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return {member.name for member in opened}


async def test_an_image_of_a_running_container_runs(engine: Engine) -> None:
    container = await engine.start(
        "sh", "-c", "echo mine > /etc/mine; rm /etc/alpine-release; echo ready; exec sleep 1000"
    )
    await ready(engine, container)
    try:
        image_id = await engine.containers.commit(container, CommitOptions(tag="mine:1", comment="c"))
        assert engine.containers.inspect(container).state.status == "running"
        await engine.until("unpause", container)
        assert [action for action in engine.actions(container) if action in ("pause", "unpause", "commit")] == [
            "pause",
            "commit",
            "unpause",
        ]
        image = engine.images.get("mine:1")
        assert image.id == image_id
        assert image.parent == engine.containers.inspect(container).image
        assert not engine.containers._ledger.get(container).record.is_at_rest
        changed = [change.path for change in await engine.containers.changes(container)]
        assert changed == [b"etc", b"etc/alpine-release", b"etc/mine"]
        sizes = (await engine.containers.sizes([container]))[container]
        assert sizes.written_bytes == 5
        assert sizes.all_bytes == engine.images.get(image.parent).size + 5
    finally:
        await engine.containers.remove(container, force=True)
        await engine.images.remove("mine:1", force=True, used_by=lambda _: [])


async def test_without_a_pause_or_without_its_image_a_container_can_be_committed_too(engine: Engine) -> None:
    container = await engine.start("sleep", "1000")
    try:
        image_id = await engine.containers.commit(container, CommitOptions(pauses=False))
        assert "pause" not in engine.actions(container)
        layers = {chain_id for image in engine.images.all() for chain_id in image.chain_ids}
        assert set(engine.images.inventory.layers.chain_ids()) == layers  # it wrote nothing
        with pytest.raises(BadRequest):
            await engine.containers.commit(container, CommitOptions(tag="Not A Name"))
        await engine.images.remove(image_id, force=True, used_by=lambda _: [])
    finally:
        await engine.containers.remove(container, force=True)


async def test_a_failed_commit_lets_the_container_go_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    container = await engine.start("sleep", "1000")

    async def full(container_id: str) -> CapturedLayer:
        raise OSError(28, "No space left on device")

    try:
        monkeypatch.setattr(engine.containers._drivers.snapshots, "capture", full)
        with pytest.raises(EngineError, match="No space left"):
            await engine.containers.commit(container, CommitOptions())
        assert engine.containers.inspect(container).state.status == "running"
    finally:
        await engine.containers.remove(container, force=True)


async def test_a_container_that_ends_before_it_can_be_paused_is_committed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = await engine.start("sleep", "1000")

    async def too_late(container_id: str) -> None:
        raise RuntimeFailure("OCI runtime pause failed: the container is not running: No such process")

    try:
        monkeypatch.setattr(engine.containers._drivers.runtime, "pause", too_late)
        image_id = await engine.containers.commit(container, CommitOptions())
        await engine.images.remove(image_id, force=True, used_by=lambda _: [])
    finally:
        await engine.containers.remove(container, force=True)


@pytest.mark.parametrize("stops_at", ["noted", "frozen", "paused"])
async def test_an_engine_that_dies_during_a_commit_leaves_no_container_paused(open_engine: Open, stops_at: str) -> None:
    async with open_engine() as first:
        if not first.images.all():
            async for _ in first.images.pull("alpine:3.20"):
                continue
        container = await first.start("sleep", "1000")
        entry = first.containers._ledger.get(container)
        await entry.change(is_at_rest=True)
        if stops_at == "frozen":
            await first.runtime.pause(container)
        if stops_at == "paused":
            await first.containers.pause(container)
    async with open_engine() as second:
        assert second.containers.inspect(container).state.status == "running"
        with anyio.fail_after(60):
            await second.containers.stop(container, timeout_seconds=0)
        assert not second.containers._ledger.get(container).record.is_at_rest


async def test_an_export_has_everything_but_volumes_whether_the_container_runs_or_not(engine: Engine) -> None:
    host = HostConfig(binds=["data:/data"])
    container = await engine.start(
        "sh", "-c", "echo x > /data/in; echo y > /new; echo ready; exec sleep 1000", host=host
    )
    try:
        await ready(engine, container)
        alive = await exported(engine, container)
        await engine.containers.stop(container, timeout_seconds=0)
        dead = await exported(engine, container)
        for names in (alive, dead):
            assert {"new", "bin/busybox", "data", "etc/passwd"} <= names
            assert "data/in" not in names
    finally:
        await engine.containers.remove(container, force=True)


async def test_a_container_that_is_being_removed_can_be_neither_committed_nor_exported(engine: Engine) -> None:
    container = await engine.create("true")
    entry = engine.containers._ledger.get(container)
    await entry.move(Verb.REMOVE)
    await entry.move(Verb.FAIL, error="busy")
    with pytest.raises(Conflict, match="which is Dead"):
        await engine.containers.commit(container, CommitOptions())
    with pytest.raises(Conflict, match="which is Dead"):
        await exported(engine, container)
    await engine.containers.remove(container, force=True)
