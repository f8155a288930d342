"""Requests of older clients."""

from __future__ import annotations

import msgspec
import pytest

from engine.api.older import as_of, info_as_of
from engine.errors import BadRequest
from engine.wire.containers import ContainerCreateRequest, HealthConfig, HostConfig, NetworkingConfig
from engine.wire.mounts import Mount, VolumeOptions
from engine.wire.networks import EndpointSettings
from engine.wire.system import RuntimeInfo, SystemInfo

NEW = ContainerCreateRequest(
    image="x",
    healthcheck=HealthConfig(test=["CMD", "true"], start_interval=5),
    host_config=HostConfig(console_size=[9, 9], annotations={"a": "b"}),
    networking_config=NetworkingConfig(
        endpoints_config={"app": EndpointSettings(gw_priority=3, mac_address="02:42:ac:11:00:02")}
    ),
)


def test_a_client_of_today_gets_all_it_asks_for() -> None:
    assert as_of(NEW, (1, 48)) == NEW


@pytest.mark.parametrize(
    ("version", "interval", "annotations", "size", "ipc", "priority", "mac"),
    [
        ((1, 47), 5, {"a": "b"}, [9, 9], "", 0, "02:42:ac:11:00:02"),
        ((1, 43), 0, {"a": "b"}, [9, 9], "", 0, ""),
        ((1, 42), 0, {}, [9, 9], "", 0, ""),
        ((1, 41), 0, {}, [0, 0], "", 0, ""),
        ((1, 39), 0, {}, [0, 0], "shareable", 0, ""),
    ],
)
def test_what_a_version_did_not_know_was_not_asked_for(
    version: tuple[int, int],
    interval: int,
    annotations: dict[str, str],
    size: list[int],
    ipc: str,
    priority: int,
    mac: str,
) -> None:
    found = as_of(NEW, version)
    assert found.healthcheck is not None
    assert (found.healthcheck.start_interval, found.host_config.annotations) == (interval, annotations)
    assert (found.host_config.console_size, found.host_config.ipc_mode) == (size, ipc)
    endpoint = found.networking_config.endpoints_config["app"]
    assert (endpoint.gw_priority, endpoint.mac_address) == (priority, mac)


@pytest.mark.parametrize(
    ("request_", "version", "words"),
    [
        (
            ContainerCreateRequest(
                networking_config=NetworkingConfig(endpoints_config={"a": EndpointSettings(), "b": EndpointSettings()})
            ),
            (1, 43),
            "Container cannot be created with multiple network endpoints: a, b",
        ),
        (
            ContainerCreateRequest(
                host_config=HostConfig(mounts=[Mount(target="/d", volume_options=VolumeOptions(subpath="x"))])
            ),
            (1, 44),
            "VolumeOptions.Subpath needs API v1.45 or newer",
        ),
        (
            ContainerCreateRequest(host_config=HostConfig(mounts=[Mount(target="/d", type="image", source="x")])),
            (1, 47),
            'Mount type "Image" needs API v1.48 or newer',
        ),
    ],
)
def test_what_a_version_could_not_do_is_refused(
    request_: ContainerCreateRequest, version: tuple[int, int], words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        as_of(request_, version)
    as_of(request_, (1, 48))


def test_fields_of_info_are_there_for_clients_of_their_time() -> None:
    fields = ("KernelMemory", "BridgeNfIptables", "BridgeNfIp6tables")

    def those_at(version: tuple[int, int]) -> list[str]:
        shown = msgspec.to_builtins(info_as_of(SystemInfo(), version))
        return [name for name in fields if name in shown]

    assert those_at((1, 41)) == [*fields]
    assert those_at((1, 49)) == ["BridgeNfIptables", "BridgeNfIp6tables"]
    assert those_at((1, 50)) == []


def test_what_runtimes_tell_is_for_clients_that_know_of_it() -> None:
    told = SystemInfo(runtimes={"crun": RuntimeInfo(path="/usr/bin/crun", status={"a": "b"})})
    assert info_as_of(told, (1, 44)).runtimes == told.runtimes
    assert info_as_of(told, (1, 43)).runtimes == {"crun": RuntimeInfo(path="/usr/bin/crun")}
