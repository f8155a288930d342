"""The names of fields may be written in any case, the user's own keys may not."""

from __future__ import annotations

import pytest

from engine.wire.codec import decode_request
from engine.wire.containers import ContainerCreateRequest


def test_fields_are_found_in_any_case_and_at_any_depth() -> None:
    body = b"""{
        "image": "busybox",
        "HOSTCONFIG": {"CPURealtimePeriod": 1000, "portbindings": {"80/tcp": [{"hostport": "8080"}]}},
        "healthCheck": {"test": ["CMD", "true"]}
    }"""
    request = decode_request(body, ContainerCreateRequest)
    assert request.image == "busybox"
    assert request.host_config.cpu_realtime_period == 1000
    assert request.host_config.port_bindings["80/tcp"][0].host_port == "8080"
    assert request.healthcheck
    assert request.healthcheck.test == ["CMD", "true"]


@pytest.mark.parametrize("body", [b'{"Image": "a", "image": "b"}', b'{"image": "b", "Image": "a"}'])
def test_of_two_spellings_the_right_one_counts(body: bytes) -> None:
    assert decode_request(body, ContainerCreateRequest).image == "a"


def test_the_keys_of_maps_stay_as_they_are() -> None:
    body = b'{"Labels": {"image": "x", "Image": "y"}, "HostConfig": {"Sysctls": {"net.IPv4": "1"}}}'
    request = decode_request(body, ContainerCreateRequest)
    assert request.labels == {"image": "x", "Image": "y"}
    assert request.host_config.sysctls == {"net.IPv4": "1"}


def test_a_null_means_the_default_in_any_case() -> None:
    request = decode_request(b'{"env": null, "volumes": {"/data": null}}', ContainerCreateRequest)
    assert request.env == []
    assert request.volumes == {"/data": {}}
