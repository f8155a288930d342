"""Asking the kernel which links there are: read from its answers, and in a namespace whose /sys is another's."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine.kernel.namespaces import drop_network_namespace, furnish_network_namespace, inside_network
from engine.network.kernel import linkviews, netlink, route_socket
from engine.network.kernel.linkviews import Answer, LinkView
from engine.network.kernel.netdevice import glance
from tests.engine.network.hosts import command


def attribute(kind: int, payload: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 1, 0) + body


def a_bridge() -> bytes:
    information = attribute(18 | 0x8000, attribute(1, b"bridge\0"))
    attributes = attribute(3, b"br0\0") + attribute(4, struct.pack("=I", 1400)) + attribute(20, b"mine\0") + information
    return message(16, struct.pack("=BxHiII", 0, 1, 7, 0x1, 0) + attributes)


def test_a_link_is_read_with_its_kind_alias_and_mtu() -> None:
    expected = LinkView(index=7, name="br0", mtu=1400, kind="bridge", alias="mine", is_up=True)
    assert linkviews.parse(a_bridge()) == Answer([expected])


def test_the_end_of_a_list_and_an_error_are_the_last_of_an_answer() -> None:
    done, refused = message(3, struct.pack("=i", 0)), message(2, struct.pack("=i", -19))
    answer = linkviews.parse(a_bridge() + a_bridge() + done)
    assert (len(answer.links), answer.is_last) == (2, True)
    assert linkviews.parse(refused) == Answer([], is_last=True)


def test_a_list_that_was_changed_while_it_was_told_says_so() -> None:
    torn = struct.pack("=IHHII", 16, 3, 0x10, 1, 0)
    assert linkviews.parse(torn) == Answer([], is_last=True, is_torn=True)


@pytest.mark.parametrize("name", ["pcnosuchlink", "a name longer than any link has", ""])
def test_a_name_that_no_link_has_finds_none(name: str) -> None:
    assert route_socket.find(name) is None
    assert glance(name) is None


def test_loopback_is_found_by_its_name() -> None:
    found = route_socket.find("lo")
    assert found is not None
    assert found.index == 1
    assert found in route_socket.every()
    assert glance("lo") == LinkView(1, "lo", found.mtu)


@pytest.mark.root
def test_links_are_those_of_the_namespace_and_not_of_what_sys_shows(tmp_path: Path) -> None:
    namespace = tmp_path / "ns"
    furnish_network_namespace(namespace, lambda: None)

    def inside() -> tuple[list[str], list[str]]:
        command("ip", "link", "add", "pcbr", "type", "bridge")
        command("ip", "link", "add", "pcdm", "master", "pcbr", "type", "veth", "peer", "name", "pcpeer")
        return sorted(link.name for link in route_socket.every()), netlink.ports("pcbr")

    try:
        names, ports = inside_network(namespace, inside)
    finally:
        drop_network_namespace(namespace)
    assert {"lo", "pcbr", "pcdm"} <= set(names)
    assert ports == ["pcdm"]
    assert not Path("/sys/class/net/pcbr").exists()
