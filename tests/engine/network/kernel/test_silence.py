"""A namespace that goes is not heard any more, in a network namespace of the test's own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.kernel.namespaces import drop_network_namespace, inside_network, make_network_namespace
from engine.network.kernel import netlink, route_socket
from engine.network.kernel.links import Bridge, Link

pytestmark = pytest.mark.root

ADDRESS = "10.191.10.2"
PORT = 8000


@pytest.fixture
def spaces(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """A machine's network, and places for containers' namespaces."""
    paths = {name: tmp_path / name for name in ("outside", "going", "heir", "asker")}
    make_network_namespace(paths["outside"])
    yield paths
    for path in paths.values():
        drop_network_namespace(path)


def furnish(path: Path, number: int) -> None:
    """A namespace with the address and MAC of this number, in the bridge."""
    bridge = route_socket.find("pcquiet")
    assert bridge is not None
    mac_address, address = f"02:42:00:00:00:{number:02x}", f"10.191.10.{number}/24"
    link = Link(bridge.index, f"pcv{path.name}", "eth0", mac_address, 1500, (address,))
    netlink.furnish(path, [link], [("eth0", "10.191.10.1")], {}).close()


def call() -> bool:
    """Whether the address answers, and with whom a connection can be made; False where it is refused."""
    try:
        socket.create_connection((ADDRESS, PORT), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def test_who_inherits_an_address_is_reached_though_the_namespace_that_had_it_is_still_there(
    spaces: dict[str, Path],
) -> None:
    def act() -> tuple[bool, bool]:
        netlink.make_bridge(Bridge("pcquiet", "02:00:00:00:00:01", 1500, ("10.191.10.1/24",)))
        furnish(spaces["going"], 2)
        furnish(spaces["asker"], 3)
        before = inside_network(spaces["asker"], call)  # now everybody knows behind which port that address is
        netlink.silence(["pcvgoing", "pcvnever"])
        furnish(spaces["heir"], 2)
        with inside_network(spaces["heir"], lambda: socket.create_server((ADDRESS, PORT))):
            return before, inside_network(spaces["asker"], call)

    assert inside_network(spaces["outside"], act) == (False, True)


def test_a_link_whose_bridge_was_taken_away_is_silent_already(spaces: dict[str, Path]) -> None:
    def act() -> None:
        netlink.make_bridge(Bridge("pcquiet", "02:00:00:00:00:01", 1500, ("10.191.10.1/24",)))
        furnish(spaces["going"], 2)
        netlink.delete_links(["pcquiet"])
        netlink.silence(["pcvgoing"])

    inside_network(spaces["outside"], act)
