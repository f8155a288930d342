"""Inspections as Docker writes them, field by field."""

from __future__ import annotations

from typing import Any

from engine.wire.containers import (
    ContainerConfig,
    ContainerInspect,
    ContainerState,
    DeviceRequest,
    HealthConfig,
    HostConfig,
    NetworkSettings,
)
from engine.wire.mounts import Mount, TmpfsOptions, VolumeOptions
from engine.wire.shown import shown


def tree(config: ContainerConfig | None = None, host: HostConfig | None = None) -> dict[str, Any]:
    inspection = ContainerInspect(
        id="1f",
        created="2026-01-02T03:04:05Z",
        path="true",
        args=[],
        state=ContainerState(),
        image="sha256:2e",
        name="/web",
        host_config=host or HostConfig(),
        config=config or ContainerConfig(),
        network_settings=NetworkSettings(),
    )
    return shown(inspection)


def test_what_was_not_asked_for_is_left_out_where_go_leaves_it_out() -> None:
    found = tree()
    assert not {"ExposedPorts", "Healthcheck", "MacAddress", "StopSignal", "StopTimeout", "Shell"} & set(
        found["Config"]
    )
    assert not {"Annotations", "Init", "Mounts", "StorageOpt", "Sysctls", "Tmpfs"} & set(found["HostConfig"])


def test_lists_are_null_or_empty_as_with_dockers_command_line() -> None:
    found = tree()
    host = found["HostConfig"]
    assert [host[name] for name in ("Binds", "CapAdd", "ExtraHosts", "SecurityOpt")] == [None] * 4
    assert [host[name] for name in ("Dns", "Devices", "Ulimits", "PortBindings")] == [[], [], [], {}]
    assert [found["Config"][name] for name in ("Volumes", "Cmd", "Env", "Labels")] == [None, None, [], {}]


def test_what_was_asked_for_is_shown() -> None:
    found = tree(
        ContainerConfig(stop_timeout=0, exposed_ports={"80/tcp": {}}, healthcheck=HealthConfig(test=["NONE"])),
        HostConfig(cap_add=["ALL"], init=False, sysctls={"net.a": "1"}),
    )
    assert found["Config"]["StopTimeout"] == 0
    assert found["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    assert found["Config"]["ExposedPorts"] == {"80/tcp": {}}
    assert (found["HostConfig"]["CapAdd"], found["HostConfig"]["Sysctls"]) == (["ALL"], {"net.a": "1"})
    assert found["HostConfig"]["Init"] is False


def test_of_a_mount_only_what_is_set_is_shown() -> None:
    mounts = [
        Mount(type="bind", source="/etc", target="/b", read_only=True),
        Mount(type="volume", source="v", target="/v", volume_options=VolumeOptions()),
        Mount(type="tmpfs", target="/t", tmpfs_options=TmpfsOptions(size_bytes=9)),
    ]
    assert tree(host=HostConfig(mounts=mounts))["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Source": "/etc", "Target": "/b", "ReadOnly": True},
        {"Type": "volume", "Source": "v", "Target": "/v", "VolumeOptions": {}},
        {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 9}},
    ]


def test_a_request_for_any_device_names_none() -> None:
    host = HostConfig(device_requests=[DeviceRequest(count=-1, capabilities=[["gpu"]])])
    (found,) = tree(host=host)["HostConfig"]["DeviceRequests"]
    assert (found["DeviceIDs"], found["Count"]) == (None, -1)
