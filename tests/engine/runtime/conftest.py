"""A root directory made of Debian's static busybox, launches into it, and a runtime of one's own per test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.kernel.mounts import mount_points
from engine.runtime import cgroups
from engine.runtime.oci.launch import Identity, Launch
from engine.runtime.runtime import Runtime
from engine.state.names import new_id
from engine.state.paths import Paths
from engine.wire.containers import ContainerConfig, HostConfig

BUSYBOX = Path("/bin/busybox")
_NAMES = "cat dd echo env grep head hostname id kill ls mount ps pwd sh sleep stat stty sysctl test true unshare wc"
APPLETS = _NAMES.split()

MakeLaunch = Callable[..., Launch]


@pytest.fixture(scope="session")
def rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A container's root: busybox and its applets, a passwd and a group file."""
    if not BUSYBOX.exists():
        pytest.fail("these tests make a root directory of /bin/busybox: apt-get install busybox-static")
    root = tmp_path_factory.mktemp("rootfs")
    root.chmod(0o755)
    for name in ("bin", "dev", "etc", "proc", "sbin", "sys", "tmp"):
        (root / name).mkdir()
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100:User:/home/user:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\nusers:x:100:\naudio:x:29:user\n")
    (root / "etc" / "readable").write_text("not a program\n")
    return root


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Directories of an engine of one's own."""
    paths = Paths(root=tmp_path / "state", run=tmp_path / "run")
    paths.make()
    return paths


@pytest.fixture
def make_launch(paths: Paths, rootfs: Path) -> MakeLaunch:
    """A launch of a command in the busybox root; any field of `Launch` can be given."""

    def make(*arguments: str, **fields: object) -> Launch:
        identity = new_id()
        given: dict[str, object] = {
            "container_id": identity,
            "config": ContainerConfig(),
            "host_config": HostConfig(),
            "arguments": arguments,
            "environment": ("PATH=/bin",),
            "identity": Identity(0, 0, (), "/root"),
            "rootfs": rootfs,
            "hostname": "box",
            "cgroup": f"{paths.cgroup}/{identity}",
            "log_path": paths.containers / f"{identity}.log",
            "bundle": paths.containers / identity,
        }
        return Launch(**{**given, **fields})  # type: ignore[arg-type] # fields are named by the tests

    return make


def kernel_state(paths: Paths) -> dict[str, object]:
    """What a container adds to the kernel: mounts, cgroups of this engine, our descendants, files of a run."""
    return {
        "mounts": sorted(map(str, mount_points(paths.root.parent))),
        "cgroups": sorted(map(str, cgroups.directories(paths.cgroup))),
        "children": sorted(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()),
        "monitors": sorted(path.name for path in paths.runtime.rglob("*") if path.name != "oci"),
        "bundles": sorted(path.name for path in paths.containers.iterdir() if path.is_dir()),
    }


@pytest.fixture
async def runtime(paths: Paths) -> AsyncIterator[Runtime]:
    """A runtime; what a test leaves behind is a failure of that test."""
    before = kernel_state(paths)
    runtime = Runtime(paths)
    yield runtime
    left_over = kernel_state(paths)
    await runtime.recover(())
    runtime.close()
    assert left_over == before
