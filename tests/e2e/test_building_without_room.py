"""Builds on a full disk: each says so, gives back what it took, and the engine goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kernel.mounts import MS_NODEV, MS_NOSUID, mount, unmount
from tests.e2e.building import build, put, said
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

SIZE_MIB = 60


@pytest.fixture
def small_machine(fresh_machine: Machine) -> Iterator[Machine]:
    """An engine whose state is on a small file system."""
    root = fresh_machine.paths.root
    root.mkdir(mode=0o711)
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, f"mode=711,size={SIZE_MIB}m")
    try:
        fresh_machine.start_engine()
        fresh_machine.docker("pull", "busybox")
        yield fresh_machine
        fresh_machine.end_engine(signal.SIGTERM)
    finally:
        unmount(root, lazily=True)


def free_bytes(machine: Machine) -> int:
    found = os.statvfs(machine.paths.root)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize(
    ("dockerfile", "words"),
    [
        (f"FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count={SIZE_MIB}\n", "No space left on device"),
        ("FROM busybox\nCOPY big /one\nCOPY big /two\n", "Dockerfile:3: no space left on the device of the engine"),
        ("FROM busybox\nCOPY --link big /one\nCOPY --link big /two\n", "Dockerfile:3: no space left on the device"),
        ("FROM python:3-slim\nRUN ls\n", "Dockerfile:1: "),
    ],
    ids=["run", "copy", "linked copy", "from"],
)
def test_a_full_disk_ends_the_build_and_not_the_engine(
    small_machine: Machine, tmp_path: Path, dockerfile: str, words: str
) -> None:
    put(tmp_path, Dockerfile=dockerfile)
    (tmp_path / "big").write_bytes(os.urandom(SIZE_MIB << 19))
    before = free_bytes(small_machine)
    done = build(small_machine, tmp_path, succeeds=False)
    assert words in done.stdout + done.stderr
    small_machine.docker("builder", "prune", "--force", "--all")
    small_machine.docker("image", "prune", "--force", "--all", succeeds=False)
    assert free_bytes(small_machine) > before - (2 << 20)
    assert list((small_machine.paths.root / "builds" / "tmp").iterdir()) == []
    assert list(small_machine.paths.containers.iterdir()) == []
    done = build(small_machine, "-", stdin="FROM busybox\nRUN echo goes on\n")
    assert "goes on" in said(done)
