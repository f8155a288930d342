"""An engine that dies at any moment while it makes or removes images, and one whose disk is full."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from engine.errors import EngineError
from engine.events.bus import EventBus
from engine.images.archives.taking_in import ImportOptions
from engine.images.configuration import encode_configuration
from engine.images.record import Image
from engine.images.store import ImageService
from engine.kernel.mounts import mount, mount_points, unmount
from engine.state.paths import Paths
from engine.state.store import Store
from engine.storage.snapshots import Snapshots
from tests.engine.images.bundles import in_pieces, old_bundle
from tests.engine.images.conftest import OFFLINE, Machine
from tests.engine.images.test_inventory import configuration
from tests.engine.images.test_names import nobody
from tests.fakes.docker_registry import serve_docker_registry
from tests.fakes.registry import tar_of

pytestmark = pytest.mark.root

LOW = tar_of({"etc/a": b"low", "etc/b": b"low"})
TOP = tar_of({"etc/a": b"top"})
BASE = old_bundle(LOW, tags=["base:1"])
APP = old_bundle(LOW, TOP, tags=["app:1"])
# What changes a disk (docs.python.org, Audit events table); opening counts when it is for writing.
_STEPS: Final = frozenset(
    f"os.{verb}"
    for verb in ("chmod", "chown", "link", "mkdir", "remove", "rename", "rmdir", "setxattr", "symlink", "truncate")
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT

Operation = Callable[[Machine], Awaitable[object]]


def machine_at(root: Path) -> Machine:
    paths = Paths(root=root / "state", run=root / "run")
    paths.make()
    store, events = Store.open(paths.database), EventBus()
    return Machine(paths, store, events, ImageService(paths, store, events, OFFLINE), Snapshots(paths))


async def load(machine: Machine, data: bytes) -> None:
    async for _ in machine.images.load(in_pieces(data)):
        continue


async def commit(machine: Machine) -> None:
    base = machine.images.get("base:1")
    await machine.snapshots.create("box", base.chain_ids)
    (machine.snapshots.upper("box") / "new").write_text("new")
    with machine.images.making():
        layer = await machine.snapshots.capture("box")
        body = encode_configuration(configuration(*base.diff_ids, layer.diff_id))
        await machine.images.add(body, tags=["made:1"], parent=base.id)


async def build(machine: Machine) -> None:
    """As a build does: the upper directory itself becomes the layer."""
    base = machine.images.get("base:1")
    await machine.snapshots.create("box", base.chain_ids)
    (machine.snapshots.upper("box") / "new").write_text("new")
    with machine.images.making():
        layer = await machine.snapshots.capture("box", moves=True)
        body = encode_configuration(configuration(*base.diff_ids, layer.diff_id))
        await machine.images.add(body, tags=["made:1"], parent=base.id)


async def take_in(machine: Machine) -> None:
    await machine.images.take_in(in_pieces(TOP), ImportOptions(tag="made:1"))


async def load_app(machine: Machine) -> None:
    await load(machine, APP)


async def remove(machine: Machine) -> None:
    await machine.images.remove("base:1", force=False, used_by=nobody)


def dies_at(step: int, root: Path, operation: Operation) -> bool:
    """Carry an operation out in a process that is killed before its `step`-th change of the disk; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            _count_down(step)
            anyio.run(_operate, root, operation)
        except BaseException:  # noqa: BLE001 - the parent sees the exit code
            os._exit(2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


async def _operate(root: Path, operation: Operation) -> None:
    await operation(machine_at(root))


def _count_down(step: int) -> None:
    left = step

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _STEPS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


def check_whole(machine: Machine) -> None:
    """Every image can be used and saved, and there is nothing on disk that belongs to none."""
    images = machine.images.all()
    inventory = machine.images.inventory
    for image in images:
        assert inventory.content.read(image.id)
        for chain_id in image.chain_ids:
            inventory.write_layer(chain_id, lambda _: None)
    expected = {digest[7:] for image in images for digest in (*image.chain_ids, *image.content)}
    expected |= {f"l/{chain_id[7:23]}" for image in images for chain_id in image.chain_ids}
    assert set(machine.files()) == expected


@pytest.mark.parametrize("operation", [commit, build, take_in, load_app, remove])
def test_whenever_an_engine_dies_its_images_are_whole_and_nothing_else_is_left(
    tmp_path: Path, operation: Operation
) -> None:
    die_at_every_step(tmp_path, operation)


@pytest.mark.net
def test_whenever_an_engine_dies_in_a_push_nothing_is_left_of_it_and_the_next_one_ends_it(tmp_path: Path) -> None:
    with serve_docker_registry(tmp_path / "registry") as target:

        async def push(machine: Machine) -> None:
            await machine.images.tag("base:1", f"{target.host}/base", "1")
            async for _ in machine.images.push(f"{target.host}/base:1"):
                continue

        die_at_every_step(tmp_path, push)


def die_at_every_step(tmp_path: Path, operation: Operation) -> None:
    template = tmp_path / "template"
    anyio.run(_prepare, template)
    step = 0
    while True:
        root = tmp_path / "engine"
        shutil.copytree(template, root, symlinks=True)
        died = dies_at(step, root, operation)
        anyio.run(_check_and_repeat, root, operation)
        shutil.rmtree(root)
        if not died:
            break
        step += 1
    assert step > 5


async def _prepare(root: Path) -> None:
    machine = machine_at(root)
    await load(machine, BASE)
    machine.store.close()


async def _check_and_repeat(root: Path, operation: Operation) -> None:
    machine = machine_at(root)
    await machine.images.recover()
    check_whole(machine)
    known = {tag for image in machine.images.all() for tag in image.repo_tags}
    if operation is remove:
        assert known <= {"base:1"}
    else:
        assert "base:1" in known
        await machine.snapshots.remove("box")
        await operation(machine)
        check_whole(machine)
    machine.store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount("tmpfs", place, "tmpfs", 0, "size=24m")
    yield place
    for point in reversed(list(mount_points(place))):
        unmount(point, lazily=True)
    unmount(place, lazily=True)


def free_bytes(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


async def big_commit(machine: Machine) -> None:
    base = machine.images.get("base:1")
    await machine.snapshots.create("box", base.chain_ids)
    (machine.snapshots.upper("box") / "big").write_bytes(os.urandom(12_000_000))
    before = free_bytes(machine.paths.root)
    with pytest.raises((EngineError, OSError), match=r"[Nn]o space left"):
        await machine.snapshots.capture("box")
    assert abs(free_bytes(machine.paths.root) - before) < 300_000
    await machine.snapshots.remove("box")


async def big_load(machine: Machine) -> None:
    with pytest.raises(EngineError, match="no space left"):
        await load(machine, old_bundle(tar_of({"big": os.urandom(11_000_000)}), tags=["big:1"]))


async def big_import(machine: Machine) -> None:
    with pytest.raises(EngineError, match="no space left"):
        await machine.images.take_in(in_pieces(tar_of({"big": os.urandom(30_000_000)})), ImportOptions(tag="big:1"))


@pytest.mark.anyio
@pytest.mark.parametrize("operation", [big_commit, big_load, big_import])
async def test_on_a_full_disk_the_error_says_so_and_what_was_taken_is_given_back(
    small_disk: Path, operation: Operation
) -> None:
    machine = machine_at(small_disk)
    await load(machine, BASE)
    before = free_bytes(small_disk)
    await operation(machine)
    assert abs(free_bytes(small_disk) - before) < 300_000  # the database's log
    check_whole(machine)
    await load(machine, APP)
    check_whole(machine)
    assert isinstance(machine.images.get("app:1"), Image)
    machine.store.close()
