"""Which containers a listing shows."""

from __future__ import annotations

from typing import Any

import pytest

from engine.containers.life.lifecycle import Status
from engine.containers.record import ContainerRecord, MountRecord
from engine.containers.views.filters import World, check, matches, shows_stopped
from engine.errors import BadRequest, NoSuchContainer
from engine.wire.containers import ContainerConfig, HostConfig
from engine.wire.networks import EndpointSettings
from engine.wire.summaries import PortSummary

PORTS = [PortSummary(private_port=80, public_port=8080, type="tcp"), PortSummary(private_port=53, type="udp")]


def record(name: str = "web", created: int = 5, **fields: Any) -> ContainerRecord:
    base: dict[str, Any] = {
        "id": f"{created}" * 64,
        "name": name,
        "created_ns": created,
        "image": "team/app:1",
        "image_id": "sha256:1",
        "config": ContainerConfig(labels={"tier": "front", "empty": ""}),
        "host_config": HostConfig(network_mode="app"),
        "networks": {"app": EndpointSettings()},
        "status": Status.RUNNING,
        "mounts": [MountRecord(kind="volume", name="data", destination="/data")],
    }
    return ContainerRecord(**{**base, **fields})


def find(name: str) -> ContainerRecord:
    others = {"older": record("older", 1), "newer": record("newer", 9)}
    if name not in others:
        raise NoSuchContainer(name)
    return others[name]


WORLD = World(
    container=find,
    image_ids=lambda name: frozenset({"sha256:1"} if name == "team/app" else ()),
    network_names=lambda name: frozenset({name, "app"}) if name == "1f2e" else frozenset({name}),
    ports=lambda one: PORTS if one.status is Status.RUNNING else [],
)


@pytest.mark.parametrize(
    ("name", "values", "is_shown"),
    [
        ("name", ["we"], True),
        ("name", ["/web"], True),
        ("name", ["^/web$"], True),
        ("name", ["^w.b$", "nope"], True),
        ("name", ["^eb"], False),
        ("id", ["555"], True),
        ("id", ["6"], False),
        ("label", ["tier"], True),
        ("label", ["tier=front", "empty="], True),
        ("label", ["tier=back"], False),
        ("status", ["running"], True),
        ("status", ["exited", "paused"], False),
        ("health", ["none"], True),
        ("health", ["healthy"], False),
        ("exited", ["0"], False),
        ("ancestor", ["team/app"], True),
        ("ancestor", ["other"], False),
        ("network", ["app"], True),
        ("network", ["1f2e"], True),
        ("network", ["bridge"], False),
        ("volume", ["data"], True),
        ("volume", ["/data"], True),
        ("volume", ["/dat"], False),
        ("before", ["newer"], True),
        ("before", ["older"], False),
        ("since", ["older"], True),
        ("since", ["newer"], False),
        ("expose", ["80"], True),
        ("expose", ["50-60/udp"], True),
        ("expose", ["8080"], False),
        ("publish", ["8080/tcp"], True),
        ("publish", ["80"], False),
        ("is-task", ["false"], True),
        ("is-task", ["true"], False),
        ("isolation", ["default"], True),
    ],
)
def test_each_filter_looks_at_its_part(name: str, values: list[str], is_shown: bool) -> None:
    check({name: values}, WORLD)
    assert matches(record(), {name: values}, WORLD) is is_shown


def test_exit_codes_are_those_of_what_has_ended() -> None:
    ended = record(status=Status.EXITED, exit_code=3)
    assert matches(ended, {"exited": ["1", "3"]}, WORLD)
    assert not matches(record(exit_code=3), {"exited": ["3"]}, WORLD)
    assert not matches(ended, {"publish": ["8080"]}, WORLD)


def test_a_network_is_the_mode_only_where_no_network_is_joined() -> None:
    assert matches(record(host_config=HostConfig(network_mode="host"), networks={}), {"network": ["host"]}, WORLD)
    assert not matches(record(host_config=HostConfig(network_mode="bridge")), {"network": ["bridge"]}, WORLD)


def test_only_a_status_shows_what_does_not_run() -> None:
    assert shows_stopped({"status": ["exited"]})
    assert not shows_stopped({"exited": ["0"], "since": ["x"], "name": ["x"]})


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"wings": ["1"]}, "invalid filter 'wings'"),
        ({"status": ["tired"]}, r"'status=tired': invalid value for state \(tired\): must be one of created, running"),
        ({"health": ["ill"]}, r"'health=ill': invalid value for health \(ill\): must be one of none, starting"),
        ({"is-task": ["perhaps"]}, "invalid filter 'is-task="),
    ],
)
def test_unknown_filters_and_values_are_refused(filters: dict[str, list[str]], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        check(filters, WORLD)


@pytest.mark.parametrize(
    "filters", [{"exited": ["x"]}, {"publish": ["x"]}, {"publish": ["65536"]}, {"expose": ["1:2"]}]
)
def test_values_that_are_no_numbers_are_refused_whatever_there_is(filters: dict[str, list[str]]) -> None:
    with pytest.raises(BadRequest):
        check(filters, WORLD)


@pytest.mark.parametrize("name", ["before", "since"])
def test_an_unknown_container_to_compare_with_is_told_whatever_there_is(name: str) -> None:
    with pytest.raises(NoSuchContainer):
        check({name: ["nobody"]}, WORLD)
    check({name: ["older"]}, WORLD)
