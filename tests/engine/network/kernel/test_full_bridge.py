"""A bridge that has all the ports that a bridge can have, in a network namespace of the test's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine.errors import EngineError
from engine.kernel.namespaces import drop_network_namespace, inside_network, make_network_namespace
from engine.network.kernel import netlink
from engine.network.kernel.links import Bridge, Link
from engine.network.kernel.route_socket import every, find

pytestmark = pytest.mark.root
_MOST = 1023


def fill(bridge: str) -> None:
    links = "".join(f"link add p{number} master {bridge} type veth peer q{number}\n" for number in range(_MOST))
    subprocess.run(["ip", "-batch", "-"], input=links, check=True, text=True)


def test_who_joins_a_full_bridge_is_told_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    outside, container = tmp_path / "outside", tmp_path / "container"
    make_network_namespace(outside)

    def join() -> list[str]:
        netlink.make_bridge(Bridge("pcfull", "02:00:00:00:00:01", 1500, ("10.191.8.1/16",)))
        bridge = find("pcfull")
        assert bridge is not None
        fill("pcfull")
        link = Link(bridge.index, "pcvone", "eth0", "02:00:00:00:00:02", 1500, ("10.191.8.2/16",))
        with pytest.raises(EngineError, match="create veth pcvone: Exchange full") as refused:
            netlink.furnish(container, [link], [("eth0", "10.191.8.1")], {})
        assert "1,023 ports" in str(refused.value.hint)
        return [port.name for port in every(bridge.index)]

    try:
        ports = inside_network(outside, join)
    finally:
        drop_network_namespace(outside)
    assert len(ports) == _MOST
    assert "pcvone" not in ports
    assert not netlink.is_namespace(container)
