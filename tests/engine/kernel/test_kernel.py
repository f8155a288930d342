"""Mounts and namespaces in the real kernel."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from engine.kernel.mounts import MS_BIND, MS_SHARED, MS_SLAVE, MountEntry, mount, mount_of, mount_points, unmount
from engine.kernel.namespaces import drop_network_namespace, inside_network, make_network_namespace

pytestmark = pytest.mark.root


def test_what_is_mounted_is_listed_and_can_be_unmounted_once(tmp_path: Path) -> None:
    target = tmp_path / "with space"
    target.mkdir()
    mount("tmpfs", target, "tmpfs", options="size=64k")
    try:
        assert list(mount_points(tmp_path)) == [target]
    finally:
        assert unmount(target)
    assert not unmount(target)
    assert list(mount_points(tmp_path)) == []


def test_a_path_is_on_the_topmost_mount_above_it_which_may_be_shared(tmp_path: Path) -> None:
    target = tmp_path / "with space"
    target.mkdir()
    mount("tmpfs", target, "tmpfs", options="size=64k")
    try:
        assert mount_of(target / "x") == MountEntry(target, is_shared=False, is_slave=False, filesystem="tmpfs")
        mount("", target, flags=MS_SHARED)
        assert mount_of(target).is_shared
        mount("", target, flags=MS_SLAVE)
        assert not mount_of(target).is_shared
    finally:
        unmount(target)
    assert mount_of(target).point != target


def test_a_failing_mount_names_the_target(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        mount(str(tmp_path), tmp_path / "missing", flags=MS_BIND)
    assert raised.value.filename == str(tmp_path / "missing")


def test_sockets_opened_inside_a_network_namespace_stay_in_there(tmp_path: Path) -> None:
    path = tmp_path / "net"
    make_network_namespace(path)
    try:
        # A fresh namespace has its loopback link down: nothing can be sent there, while here it can.
        with (
            inside_network(path, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as inside,
            pytest.raises(OSError, match="unreachable"),
        ):
            inside.sendto(b"x", ("127.0.0.1", 9))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
            outside.sendto(b"x", ("127.0.0.1", 9))
    finally:
        drop_network_namespace(path)
    assert not path.exists()
    assert list(mount_points(tmp_path)) == []
