"""What a container asks of its networks."""

from __future__ import annotations

import pytest

from engine.containers.making.surroundings import sandbox_request
from engine.containers.record import ContainerRecord
from engine.wire.containers import ContainerConfig, HostConfig


@pytest.mark.parametrize(
    ("config", "hostname"),
    [
        (ContainerConfig(), "a" * 12),
        (ContainerConfig(hostname="web"), "web"),
        (ContainerConfig(hostname="web", domainname="example.org"), "web.example.org"),
    ],
)
def test_a_domain_belongs_to_the_name_in_the_hosts_file(config: ContainerConfig, hostname: str) -> None:
    record = ContainerRecord(
        id="a" * 64,
        name="web",
        created_ns=0,
        image="busybox",
        image_id="sha256:0",
        config=config,
        host_config=HostConfig(),
    )
    assert sandbox_request(record, {}).hostname == hostname
