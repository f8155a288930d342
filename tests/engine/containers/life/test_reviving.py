"""The order in which containers are started again."""

from __future__ import annotations

import pytest

from engine.containers.life.reviving import needs
from engine.containers.record import ContainerRecord
from engine.wire.containers import ContainerConfig, HostConfig


def record(identity: str, **host: object) -> ContainerRecord:
    return ContainerRecord(
        id=identity,
        name=identity,
        created_ns=0,
        image="busybox",
        image_id="sha256:0",
        config=ContainerConfig(),
        host_config=HostConfig(**host),  # type: ignore[arg-type]  # whatever the test names
    )


@pytest.mark.parametrize(
    "host",
    [{"links": ["db:store"]}, {"network_mode": "container:db"}, {"pid_mode": "container:db"}],
    ids=["linked", "shared network", "shared processes"],
)
def test_what_a_container_needs_comes_before_it(host: dict[str, object]) -> None:
    assert needs([record("web", **host), record("db")]) == {"web": {"db"}, "db": set()}


def test_what_is_not_started_again_is_not_waited_for() -> None:
    assert needs([record("web", links=["db"])]) == {"web": set()}


def test_in_a_circle_nobody_waits() -> None:
    circle = [record("a", network_mode="container:b"), record("b", pid_mode="container:a")]
    assert needs(circle) == {"a": set(), "b": set()}
