"""What the machine refuses: room, processes, links, programs. The error says so, and nothing half made is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from engine.errors import EngineError
from engine.kernel.mounts import mount, unmount
from engine.network.cabling import Cabling
from engine.network.kernel import netlink
from engine.process import find_tool, wait_pidfd
from engine.runtime import cgroups, monitor
from engine.state.paths import Paths
from engine.wire.containers import HostConfig
from engine.wire.networks import EndpointSettings, NetworkCreateRequest
from tests.e2e.kernel import kernel_state, remove_everything
from tests.engine.containers.conftest import IMAGE, Engine, running
from tests.engine.faults.agreement import check_agreement
from tests.fakes.places import apart

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    """An engine's directories, on a file system of 48 MiB."""
    disk = apart(tmp_path, "disk")
    mount("tmpfs", disk, "tmpfs", 0, "size=48m")
    found = Paths(root=disk / "state", run=disk / "run")
    try:
        yield found
    finally:
        remove_everything(found)
        unmount(disk, lazily=True)


async def with_image(engine: Engine) -> None:
    async for _ in engine.images.pull(IMAGE):
        continue


def fill(path: Path) -> None:
    """Write until there is no room for another byte."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


async def test_on_a_full_disk_nothing_is_half_made_what_runs_can_be_removed_and_that_makes_room(paths: Paths) -> None:
    async with running(paths) as engine:
        await with_image(engine)
        await engine.start("sleep", "1000", name="old")
        made = await engine.create("sleep", "1000", name="made")
        before = kernel_state(paths)
        await anyio.to_thread.run_sync(fill, paths.root / "filling")
        with pytest.raises((EngineError, OSError), match=r"[Nn]o space left"):
            for number in range(1000):  # the pages that are left hold a few small files
                await engine.create("sleep", "1000", name=f"more{number}")
        # By then crun may be the first who finds no room; it does not say why.
        with pytest.raises((EngineError, OSError), match=r"[Nn]o space left|cannot be mounted|write to seccomp fd"):
            await engine.containers.start(made)
        for summary in engine.containers.summaries(everything=True, limit=0, filters={}):
            if summary.names[0].startswith("/more"):
                await engine.containers.remove(summary.id)
        left = kernel_state(paths)  # the kernel takes the links of a start that failed down a little later
        assert replace(left, links=()) == replace(before, links=())
        await engine.containers.remove("old", force=True)
        (paths.root / "filling").unlink()
        await engine.containers.start(made)
        await check_agreement(engine)
        await engine.containers.remove(made, force=True)


async def test_where_no_process_can_be_made_a_start_is_an_error_that_leaves_nothing(paths: Paths) -> None:
    async with running(paths) as engine:
        await with_image(engine)
        runs = await engine.start("sleep", "1000")
        made = await engine.create("sh", "-c", "sleep 1 & sleep 1 & wait", name="many")
        place = cgroups.directory(paths.cgroup, "pids")
        assert place is not None
        (place / "pids.max").write_text("1")
        before = kernel_state(paths).mounts
        try:
            await engine.containers.start(made)
        except EngineError:
            assert engine.containers.inspect(made).state.status == "created"
        else:  # a process may be moved into a full cgroup, but makes no child there
            assert (await engine.containers.wait(made)).status_code != 0
        assert kernel_state(paths).mounts == before
        (place / "pids.max").write_text("max")
        await check_agreement(engine)
        for container in (made, runs):
            await engine.containers.remove(container, force=True)


async def test_a_link_that_the_kernel_refuses_leaves_neither_network_nor_container(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(paths) as engine:
        await with_image(engine)
        await engine.networks.create(NetworkCreateRequest(name="front"))
        await engine.networks.create(NetworkCreateRequest(name="back"))
        await engine.start("sleep", "1000", name="runs", host=HostConfig(network_mode="front"))
        made = await engine.create("sleep", "1000", name="made", host=HostConfig(network_mode="front"))
        before = kernel_state(paths)
        with monkeypatch.context() as broken:
            # A name that is too long for the kernel: it refuses the link itself.
            broken.setattr(Cabling, "_host_name", lambda self, endpoint: "x" * 16)
            with pytest.raises(EngineError, match="the kernel refused"):
                await engine.containers.start(made)
            with pytest.raises(EngineError, match="the kernel refused"):
                await engine.containers.connect("back", "runs", EndpointSettings())
        with monkeypatch.context() as broken:
            broken.setattr(netlink, "default_mtu", lambda: 1 << 30)
            with pytest.raises(EngineError, match="the kernel refused"):
                await engine.networks.create(NetworkCreateRequest(name="more"))
        assert kernel_state(paths) == before
        await check_agreement(engine)
        await engine.containers.start(made)
        for name in ("made", "runs"):
            await engine.containers.remove(name, force=True)


async def test_without_the_programs_for_a_start_the_error_names_the_package(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(paths) as engine:
        await with_image(engine)
        made = await engine.create("true")
        with monkeypatch.context() as broken:
            find_tool.cache_clear()
            broken.setenv("PATH", "/nowhere")
            broken.setattr("engine.process._PLACES", "/nowhere")
            with pytest.raises(EngineError, match="was not found") as refused:
                await engine.containers.start(made)
        find_tool.cache_clear()
        assert refused.value.hint in ("apt-get install conmon", "apt-get install util-linux")
        assert engine.containers.inspect(made).state.status == "created"
        await engine.containers.start(made)
        await engine.containers.wait(made)
        await engine.containers.remove(made)


def monitor_of(paths: Paths, container: str) -> int:
    """A pidfd of a container's monitor."""
    record = monitor.read_record(paths.runtime / container)
    assert record is not None
    return os.pidfd_open(record.monitor_pid)


async def test_a_container_whose_monitor_is_stuck_can_be_stopped_and_removed(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runtime.runtime._STUCK_SECONDS", 0.5)
    async with running(paths) as engine:
        await with_image(engine)
        container = await engine.start("sleep", "1000")
        descriptor = monitor_of(paths, container)
        signal.pidfd_send_signal(descriptor, signal.SIGSTOP)
        await engine.containers.stop(container, timeout_seconds=0)
        assert engine.containers.inspect(container).state.exit_code == 137
        await engine.containers.remove(container)
        with anyio.fail_after(60):
            await wait_pidfd(descriptor)
        os.close(descriptor)
        assert kernel_state(paths).mounts == ()


async def test_a_container_whose_monitor_was_killed_has_ended_for_everyone(paths: Paths) -> None:
    async with running(paths) as engine:
        await with_image(engine)
        container = await engine.start("sleep", "1000")
        descriptor = monitor_of(paths, container)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        os.close(descriptor)
        assert (await engine.containers.wait(container)).status_code == 137
        await check_agreement(engine)
        await engine.containers.remove(container)


async def test_a_program_that_ignores_the_stop_signal_is_killed_after_its_grace_period(paths: Paths) -> None:
    async with running(paths) as engine:
        await with_image(engine)
        container = await engine.start("sh", "-c", "trap '' TERM; while :; do sleep 1000; done")
        await engine.containers.stop(container, timeout_seconds=0)
        assert engine.containers.inspect(container).state.exit_code == 137
        await check_agreement(engine)
        await engine.containers.remove(container)
