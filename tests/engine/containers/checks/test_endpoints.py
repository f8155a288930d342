"""What a container may ask of networks at its creation."""

from __future__ import annotations

import pytest

from engine.containers.making.checks.endpoints import check_endpoints, check_links, check_mac_address
from engine.errors import BadRequest, NoSuchContainer
from engine.network.records import NetworkRecord
from engine.wire.containers import HostConfig
from engine.wire.networks import EndpointIPAMConfig, EndpointSettings, IPAMConfig


def address(ipv4: str = "", ipv6: str = "", *link_local: str) -> EndpointSettings:
    wish = EndpointIPAMConfig(ipv4_address=ipv4, ipv6_address=ipv6, link_local_ips=list(link_local))
    return EndpointSettings(ipam_config=wish)


def unknown(_name: str) -> None:
    """Networks that may be made before the start."""


@pytest.mark.parametrize(
    ("network", "settings", "words"),
    [
        ("app", EndpointSettings(mac_address="zz"), "invalid MAC address zz"),
        ("bridge", address("172.17.0.9"), "invalid endpoint settings:\nuser specified IP address is supported on"),
        ("bridge", EndpointSettings(aliases=["db"]), "network-scoped alias is supported only"),
        ("app", address("nowhere"), "invalid config for network app: invalid endpoint settings:\ninvalid IPv4 address"),
        ("app", address("::1", "1.2.3.4", "x"), r"\* invalid IPv4 .*: ::1\n\* invalid IPv6 .*\n\* invalid link-local"),
    ],
)
def test_impossible_endpoints_are_refused_with_all_that_is_wrong(
    network: str, settings: EndpointSettings, words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        check_endpoints({network: settings}, unknown)


def test_names_and_addresses_are_for_networks_of_ones_own() -> None:
    check_endpoints({"app": address("10.1.2.3", "fd00::1", "169.254.1.2"), "bridge": EndpointSettings()}, unknown)
    check_endpoints({"app": EndpointSettings(aliases=["db"], mac_address="02:42:ac:11:00:02")}, unknown)


def test_an_address_must_be_one_of_a_network_that_is_there() -> None:
    record = NetworkRecord(
        id="n" * 64, name="app", driver="bridge", created_ns=0, given=[IPAMConfig(subnet="10.1.0.0/16")]
    )
    check_endpoints({"app": address("10.1.2.3")}, lambda _name: record)
    with pytest.raises(BadRequest, match=r"for network app: .*\nno configured subnet or ip-range contain"):
        check_endpoints({"nnnn": address("10.2.2.3")}, lambda _name: record)


def test_a_container_has_one_mac_address() -> None:
    check_mac_address("", "app", EndpointSettings(mac_address="02:42:ac:11:00:02"))
    check_mac_address("02:42:ac:11:00:02", "app", EndpointSettings(mac_address="02:42:ac:11:00:02"))
    with pytest.raises(BadRequest, match="invalid config for network app: invalid MAC address zz"):
        check_mac_address("zz", "app", EndpointSettings())
    with pytest.raises(BadRequest, match="must match the endpoint-specific MAC address"):
        check_mac_address("02:42:ac:11:00:03", "app", EndpointSettings(mac_address="02:42:ac:11:00:02"))


def test_links_need_their_container_at_once_but_on_networks_of_ones_own() -> None:
    def find(name: str) -> None:
        raise NoSuchContainer(name)

    with pytest.raises(BadRequest, match="could not get container for db: No such container: db"):
        check_links(HostConfig(links=["db:database"]), find)
    with pytest.raises(BadRequest, match='could not get container for : invalid name or ID supplied: ""'):
        check_links(HostConfig(links=[":x"]), find)
    check_links(HostConfig(links=["db"], network_mode="app"), find)
