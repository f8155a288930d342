"""What a request may hold."""

from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.wire.codec import decode_request, encode
from engine.wire.containers import ContainerCreateRequest, ExecCreateRequest


@pytest.mark.parametrize("number", ["100000000000000000000", "-100000000000000000000", "9223372036854775808", "1e30"])
def test_a_number_that_64_bits_do_not_hold_is_refused_with_its_place(number: str) -> None:
    body = b'{"Image": "a", "HostConfig": {"Ulimits": [{"Name": "core", "Soft": %s}]}}' % number.encode()
    with pytest.raises(BadRequest, match=r"\$\.HostConfig\.Ulimits\[0\]\.Soft"):
        decode_request(body, ContainerCreateRequest)


@pytest.mark.parametrize("number", [(1 << 63) - 1, -(1 << 63), -1])
def test_a_number_of_64_bits_is_taken(number: int) -> None:
    request = decode_request(b'{"HostConfig": {"Memory": %d}}' % number, ContainerCreateRequest)
    assert request.host_config.memory == number


def test_digits_of_a_name_are_no_number() -> None:
    assert decode_request(b'{"Image": "100000000000000000000"}', ContainerCreateRequest).image.startswith("1000")


def test_bytes_that_are_no_text_are_sent_as_go_writes_them() -> None:
    request = ExecCreateRequest(cmd=["echo", "x\udcffy", "\U0001f600\udcfe"])
    sent = encode(request)
    assert decode_request(sent, ExecCreateRequest).cmd == ["echo", "x\ufffdy", "\U0001f600\ufffd"]
