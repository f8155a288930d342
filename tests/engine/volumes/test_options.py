"""The options of the driver `local`."""

from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.kernel.mounts import MS_BIND, MS_NODEV, MS_RDONLY, MS_REC
from engine.volumes.options import MountCall, mount_call


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({}, None),
        ({"type": "tmpfs", "device": "tmpfs"}, MountCall("tmpfs", "tmpfs", 0, "")),
        (
            {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,nodev,uid=5"},
            MountCall("tmpfs", "tmpfs", MS_NODEV, "size=1m,uid=5"),
        ),
        ({"type": "none", "device": "/srv", "o": "bind,ro"}, MountCall("/srv", "", MS_BIND | MS_RDONLY, "")),
        ({"type": "none", "device": "/srv", "o": "rbind,ro,rw"}, MountCall("/srv", "", MS_BIND | MS_REC, "")),
        ({"type": "nfs", "device": ":/x", "o": "addr=nas,vers=4"}, MountCall(":/x", "nfs", 0, "addr=nas,vers=4")),
    ],
)
def test_options_become_a_mount_call(options: dict[str, str], call: MountCall | None) -> None:
    assert mount_call(options) == call


def test_a_servers_name_can_be_replaced_by_its_address() -> None:
    call = MountCall(":/x", "nfs", 0, "vers=4,addr=nas,ro")
    assert call.address == "nas"
    assert call.at_address("10.0.0.9").data == "vers=4,addr=10.0.0.9,ro"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"colour": "red"}, 'invalid option: "colour"'),
        ({"type": "tmpfs"}, 'missing required option: "device"'),
        ({"device": "/dev/x"}, 'missing required option: "type"'),
        ({"type": "none", "o": "bind", "device": "srv"}, "absolute path"),
        ({"o": "bind", "device": "/srv"}, 'missing required option: "type"'),
        ({"size": "banana"}, "invalid size: 'banana'"),
        ({"size": "1g"}, "no quota support"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        mount_call(options)
