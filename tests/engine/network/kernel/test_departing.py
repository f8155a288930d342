"""Bridges go at once, and the links of containers in them by themselves, in a network namespace of the test's own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kernel.namespaces import drop_network_namespace, inside_network, make_network_namespace
from engine.network.kernel import departing, linkviews, netlink, route_socket
from engine.network.kernel.links import Bridge, Link
from tests.engine.network.hosts import command

pytestmark = pytest.mark.root


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A machine's network."""
    path = tmp_path / "outside"
    make_network_namespace(path)
    yield path
    drop_network_namespace(path)


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[list[Path]]:
    """Places for containers' namespaces."""
    paths = [tmp_path / name for name in ("one", "two", "three")]
    yield paths
    for path in paths:
        drop_network_namespace(path)


def furnished(*containers: Path) -> None:
    """A bridge with containers' veths in it."""
    netlink.make_bridge(Bridge("pcgoing", "02:00:00:00:00:01", 1500, ("10.191.9.1/16",)))
    bridge = route_socket.find("pcgoing")
    assert bridge is not None
    for number, path in enumerate(containers, start=2):
        mac_address, address = f"02:00:00:00:00:{number:02x}", f"10.191.9.{number}/16"
        link = Link(bridge.index, f"pcv{path.name}", "eth0", mac_address, 1500, (address,))
        netlink.furnish(path, [link], [("eth0", "10.191.9.1")], {}).close()


def names() -> set[str]:
    return {link.name for link in route_socket.every()} - {"lo"}


def test_a_bridge_goes_with_the_links_of_namespaces_that_were_just_dropped(
    outside: Path, containers: list[Path]
) -> None:
    def act() -> set[str]:
        furnished(*containers)
        for path in containers:
            drop_network_namespace(path)
        departing.see_off(departing.delete_bridge("pcgoing"))
        return names()

    assert inside_network(outside, act) == set()


def test_a_link_whose_namespace_somebody_holds_goes_too(outside: Path, containers: list[Path]) -> None:
    def act() -> set[str]:
        furnished(*containers[:1])
        departing.see_off(departing.delete_bridge("pcgoing"))
        return names()

    assert inside_network(outside, act) == set()


def test_what_somebody_else_has_put_into_a_bridge_stays(outside: Path) -> None:
    def act() -> set[str]:
        netlink.make_bridge(Bridge("pcgoing", "02:00:00:00:00:01", 1500, ()))
        command("ip", "link", "add", "theirs", "master", "pcgoing", "type", "veth", "peer", "name", "far")
        departing.see_off(departing.delete_bridge("pcgoing"))
        return names()

    assert inside_network(outside, act) == {"theirs", "far"}


def test_a_bridge_that_is_not_there_is_fine(outside: Path) -> None:
    inside_network(outside, lambda: departing.see_off(departing.delete_bridge("pcgoing")))


def test_a_link_that_leaves_its_bridge_is_not_gone() -> None:
    def message(kind: int, family: int, index: int) -> bytes:
        return struct.pack("=IHHIIBxHiII", 32, kind, 0, 1, 0, family, 1, index, 0, 0)

    told = message(16, 0, 5) + message(17, 7, 6) + message(17, 0, 7) + message(17, 0, 8)
    assert linkviews.removed(told) == {7, 8}
