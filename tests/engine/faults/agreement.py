"""Whether what an engine says of its containers is what the kernel has, and the kernel has nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from engine.containers.life.lifecycle import ALIVE
from engine.containers.record import ContainerRecord
from engine.network.records import Sandbox
from engine.runtime import cgroups
from engine.wire.containers import ExecCreateRequest, ExecStartRequest
from tests.e2e.kernel import KernelState, kernel_state
from tests.engine.containers.conftest import Engine


async def check_agreement(engine: Engine) -> None:
    """Raise `AssertionError` for the first thing in which records, API and kernel differ."""
    records = engine.containers._ledger.records()
    alive = {record.id for record in records if record.status in ALIVE}
    sandboxes = {sandbox.id: sandbox for sandbox in engine.networks._sandboxes}
    kernel = kernel_state(engine.paths)
    for record in records:
        assert record.holds == (record.id in alive)
        if record.id in alive:
            await _check_living(engine, record, sandboxes[record.id])
        else:
            assert engine.containers.inspect(record.id).state.pid == 0
    assert set(sandboxes) == alive
    _check_nothing_else(kernel, {record.id for record in records}, alive, str(engine.paths.root))
    found = cgroups.children(engine.paths.cgroup)
    assert found == alive, f"cgroups {found}, alive {alive}"
    volumes, known = (
        {path.name for path in engine.paths.volumes.iterdir()},
        {each.name for each in engine.volumes.all()},
    )
    assert volumes == known, f"directories {volumes}, volumes {known}"


async def _check_living(engine: Engine, record: ContainerRecord, sandbox: Sandbox) -> None:
    shown = engine.containers.inspect(record.id)
    assert shown.state.running
    os.kill(shown.state.pid, 0)
    assert shown.state.pid in await engine.runtime.pids(record.id)
    wanted = set(record.networks)
    assert {endpoint.network_name for endpoint in sandbox.endpoints} == wanted
    assert set(shown.network_settings.networks) == wanted
    assert _interfaces(Path(sandbox.namespace)) == {
        endpoint.interface: endpoint.address for endpoint in sandbox.endpoints
    }
    assert _has_default_route(Path(sandbox.namespace)) == bool(sandbox.endpoints)
    for endpoint in sandbox.endpoints:
        assert record.id in engine.networks.inspect(engine.networks.get(endpoint.network_id)).containers
    request = ExecCreateRequest(cmd=["sh", "-c", "cat /etc/hosts /data/* >/dev/null 2>&1; test -d /proc/self"])
    created = await engine.containers.exec_create(record.id, request)
    await engine.containers.exec_start(created.id, ExecStartRequest(detach=True))
    await engine.containers._execs._get(created.id).ended.wait()
    assert engine.containers.exec_inspect(created.id).exit_code == 0


def _check_nothing_else(kernel: KernelState, known: set[str], alive: set[str], root: str) -> None:
    for mount in kernel.mounts:
        assert any(name in mount for name in alive), f"{mount} is of no living container"
    for name in alive:
        assert f"{root}/containers/{name}/rootfs" in kernel.mounts
        assert any(mount.endswith(f"/netns/{name}") for mount in kernel.mounts)
    for group in kernel.cgroups:
        assert group.count("/pycompose-") == 1
    for path in kernel.files:
        if "/volumes/" not in path:
            assert Path(path).name in known, f"{path} is of no container"


def _interfaces(namespace: Path) -> dict[str, str]:
    """The addresses of a namespace's links, without the loopback's."""
    links = json.loads(_inside(namespace, "ip", "-j", "-4", "address"))
    return {link["ifname"]: each["local"] for link in links for each in link["addr_info"] if link["ifname"] != "lo"}


def _has_default_route(namespace: Path) -> bool:
    return bool(json.loads(_inside(namespace, "ip", "-j", "-4", "route", "show", "default")))


def _inside(namespace: Path, *command: str) -> str:
    enter = ["nsenter", f"--net={namespace}", *command]
    return subprocess.run(enter, check=True, capture_output=True, text=True).stdout
