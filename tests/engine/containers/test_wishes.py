"""What a container asks of the host, as its processes find it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import anyio
import pytest

from engine.errors import BadRequest, EngineError
from engine.runtime.cgroups import directories, hierarchies
from engine.wire.containers import DeviceRequest, ExecCreateRequest, ExecStartRequest, HostConfig, Ulimit
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]

PARENT = "/pycompose-test-parent/below"


async def test_a_cgroup_parent_is_a_path_from_the_root(engine: Engine) -> None:
    try:
        container = await engine.start("sleep", "600", host=HostConfig(cgroup_parent=PARENT))
        assert engine.runtime.cgroup_of(container) == f"{PARENT}/{container}"
        assert list(directories(f"{PARENT}/{container}"))
        await engine.containers.remove(container, force=True)
        assert not list(directories(f"{PARENT}/{container}"))
    finally:
        await anyio.to_thread.run_sync(remove_parents)


def remove_parents() -> None:
    """The engine leaves parents alone, as Docker does: they are the user's."""
    for root in hierarchies().roots:
        for path in (Path(f"{root}{PARENT}"), Path(f"{root}{PARENT}").parent):
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()


async def test_a_read_only_container_cannot_change_its_hosts_file_either(engine: Engine) -> None:
    status, _ = await engine.run("sh", "-c", "echo x >> /etc/hosts", host=HostConfig(readonly_rootfs=True))
    assert status != 0
    assert (await engine.run("sh", "-c", "echo x >> /etc/hosts"))[0] == 0


async def test_shared_memory_runs_no_programs_even_if_it_is_shared(engine: Engine) -> None:
    for mode in ("private", "shareable"):
        _, mounts = await engine.run("cat", "/proc/self/mountinfo", host=HostConfig(ipc_mode=mode))
        (line,) = [line for line in mounts.splitlines() if " /dev/shm " in line]
        assert {"nosuid", "nodev", "noexec"} <= set(line.split()[5].split(","))


async def test_cgroups_are_writable_only_on_request(engine: Engine) -> None:
    tree = next(hierarchies().by_controller[name] for name in ("memory", "pids") if name in hierarchies().by_controller)
    script = f"mkdir {tree}/own && rmdir {tree}/own"
    host = HostConfig(cgroupns_mode="private", security_opt=["writable-cgroups=true"])
    assert (await engine.run("sh", "-c", script, host=host))[0] == 0
    assert (await engine.run("sh", "-c", script, host=HostConfig(cgroupns_mode="private")))[0] != 0


async def test_limits_of_resources_are_those_of_the_process(engine: Engine) -> None:
    host = HostConfig(ulimits=[Ulimit(name="nofile", soft=100, hard=200)], oom_score_adj=321, group_add=["777"])
    _, output = await engine.run("sh", "-c", "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; id -G", host=host)
    assert output.split()[:3] == ["100", "200", "321"]
    assert "777" in output.split()


async def test_devices_that_nobody_can_find_are_refused_at_the_start(engine: Engine) -> None:
    gpus = HostConfig(device_requests=[DeviceRequest(count=-1, capabilities=[["gpu"]])])
    container = await engine.create("true", host=gpus)
    with pytest.raises(EngineError, match=r'could not select device driver "" with capabilities: \[\[gpu\]\]'):
        await engine.containers.start(container)
    assert engine.containers.inspect(container).state.exit_code == 128


async def test_a_runtime_is_one_that_is_installed(engine: Engine) -> None:
    for name in engine.runtime.runtimes():
        container = await engine.start("sleep", "600", host=HostConfig(runtime=name))
        request = ExecCreateRequest(cmd=["echo", "hello"], attach_stdout=True)
        exec_id = (await engine.containers.exec_create(container, request)).id
        session = await engine.containers.exec_start(exec_id, ExecStartRequest())
        assert session is not None
        assert await session.receive() == (1, b"hello\n")
        await session.aclose()
        await engine.containers.pause(container)
        await engine.containers.unpause(container)
        await engine.containers.remove(container, force=True)
    with pytest.raises(BadRequest, match="unknown or invalid runtime name: wings"):
        await engine.create("true", host=HostConfig(runtime="wings"))
