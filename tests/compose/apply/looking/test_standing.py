"""What a container that exists asks of the host when it is started."""

from __future__ import annotations

from compose.apply.looking.standing import bind_sources, fixed_ports, lost_networks
from engine.wire.containers import HostConfig, PortBinding
from engine.wire.mounts import BindOptions, Mount
from engine.wire.networks import EndpointSettings


def test_only_ports_with_a_number_can_be_taken() -> None:
    config = HostConfig(
        port_bindings={
            "80/tcp": [PortBinding(host_port="8080", host_ip="127.0.0.1"), PortBinding()],
            "53/udp": [PortBinding(host_port="53")],
            "90/tcp": [PortBinding(host_port="8000-8010"), PortBinding(host_port="0")],
        }
    )
    assert list(map(str, fixed_ports("web", config))) == ["53/udp", "127.0.0.1:8080/tcp"]


def test_directories_that_are_made_on_demand_cannot_be_missing() -> None:
    config = HostConfig(
        binds=["/made:/made"],
        mounts=[
            Mount(type="bind", source="/there", target="/a"),
            Mount(type="bind", source="/made", target="/b", bind_options=BindOptions(create_mountpoint=True)),
            Mount(type="volume", source="data", target="/c"),
        ],
    )
    assert [material.path for material in bind_sources("web", config)] == ["/there"]


def test_a_network_is_lost_once_for_all_that_are_on_it() -> None:
    gone, back, other = (EndpointSettings(network_id=identity) for identity in ("n1", "n2", "n3"))
    places = {"web": {"gone": gone, "back": back}, "db": {"gone": gone, "renamed": other}, "job": {}}
    (lost,) = lost_networks(places, {"back", "n9", "n3", "bridge"})
    assert lost.message == "network gone of containers db, web is gone"
