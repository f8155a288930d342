"""What a container may want of a network, and what it gets of it."""

from __future__ import annotations

import msgspec
import pytest

from engine.errors import BadRequest
from engine.network.kernel.linkviews import LinkView
from engine.network.planning import plan
from engine.network.planning.wishes import SYSCTLS_OPTION, checked_wishes
from engine.network.records import Endpoint, NetworkRecord, Subnet
from engine.wire.networks import EndpointIPAMConfig, EndpointSettings, IPAMConfig


def network(name: str = "app", **changes: object) -> NetworkRecord:
    values: dict[str, object] = {
        "id": name, "name": name, "driver": "bridge", "created_ns": 1,
        "subnets": [Subnet(subnet="10.9.0.0/24", gateway="10.9.0.1")],
        "given": [IPAMConfig(subnet="10.9.0.0/24")],
    }  # fmt: skip
    return NetworkRecord(**{**values, **changes})  # type: ignore[arg-type]


def endpoint(name: str = "app", **changes: object) -> Endpoint:
    values: dict[str, object] = {
        "id": f"e-{name}", "network_id": name, "network_name": name, "interface": "eth0", "address": "10.9.0.2",
        "address6": "", "mac_address": "02:00:00:00:00:01", "aliases": [], "wishes": EndpointSettings(),
    }  # fmt: skip
    return Endpoint(**{**values, **changes})  # type: ignore[arg-type]


def addresses(**wishes: object) -> EndpointSettings:
    return EndpointSettings(ipam_config=EndpointIPAMConfig(**wishes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        (addresses(ipv4_address="10.8.0.9"), "no configured subnet or ip-range contain the IP address 10.8.0.9"),
        (
            addresses(ipv4_address="bla"),
            "* invalid IPv4 address: bla\n* no configured subnet or ip-range contain the IP address bla",
        ),
        (
            addresses(ipv6_address="fd00::8"),
            "user specified IP address is supported only when connecting to networks with user configured subnets",
        ),
        (addresses(link_local_ips=["bla"]), "invalid link-local IP address: bla"),
        (
            EndpointSettings(driver_opts={SYSCTLS_OPTION: "net.ipv4.conf.eth0.log_martians=1"}),
            "unrecognised network interface sysctl 'net.ipv4.conf.eth0.log_martians=1'; represent 'net.X.Y.ethN.Z=V' "
            "as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'",
        ),
    ],
)
def test_wishes_that_a_network_cannot_fulfil_are_refused_in_dockers_words(
    settings: EndpointSettings, problems: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        checked_wishes(settings, network())
    assert caught.value.message == f"invalid endpoint settings:\n{problems}"


def test_the_predefined_networks_have_neither_static_addresses_nor_aliases() -> None:
    with pytest.raises(BadRequest, match="supported on user defined networks only"):
        checked_wishes(addresses(ipv4_address="10.9.0.9"), network("bridge"))
    with pytest.raises(BadRequest, match="network-scoped alias is supported only"):
        checked_wishes(EndpointSettings(aliases=["web"]), network("bridge"))


def test_a_link_local_address_must_be_one_and_comes_with_its_whole_range() -> None:
    with pytest.raises(BadRequest, match=r"invalid link local IP address: 10\.0\.0\.1"):
        checked_wishes(addresses(link_local_ips=["10.0.0.1"]), network())
    wishes = checked_wishes(addresses(link_local_ips=["169.254.8.8", "fe80::8"]), network())
    made = plan.link(endpoint(wishes=wishes), network(), LinkView(7, "br0", 1500), "veth0")
    assert made.addresses == ("10.9.0.2/24", "169.254.8.8/16", "fe80::8/64")


def test_addresses_are_remembered_as_the_kernel_writes_them() -> None:
    six = network(given=[IPAMConfig(subnet="fd00:9::/64")])
    wishes = checked_wishes(addresses(ipv6_address="FD00:9:0::00A"), six)
    assert wishes.ipam_config is not None
    assert wishes.ipam_config.ipv6_address == "fd00:9::a"


def test_kernel_parameters_name_their_interface_in_either_case() -> None:
    wanted = {SYSCTLS_OPTION: "net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.ifname.rp_filter=2"}
    made = plan.link(
        endpoint(wishes=EndpointSettings(driver_opts=wanted)), network(), LinkView(7, "br0", 1500), "veth0"
    )
    assert made.sysctls == (("net.ipv4.conf.eth0.log_martians", "1"), ("net.ipv4.conf.eth0.rp_filter", "2"))


def test_the_way_out_is_the_highest_priority_then_both_versions_then_the_first_name() -> None:
    subnet6 = Subnet(subnet="fd00::/64", gateway="fd00::1")
    dual = network("z", subnets=[*network().subnets, subnet6])
    networks = {"a": network("a"), "b": network("b"), "z": dual, "closed": network("closed", internal=True)}
    places = [endpoint(name) for name in ("b", "a", "closed")]
    assert plan.gateway_endpoint(places, networks, 4) == endpoint("a")
    with_both = endpoint("z", address6="fd00::2")
    assert plan.gateway_endpoint([*places, with_both], networks, 4) == with_both
    preferred = msgspec.structs.replace(endpoint("b"), wishes=EndpointSettings(gw_priority=1))
    assert plan.gateway_endpoint([*places, preferred, with_both], networks, 4) == preferred
    assert plan.gateway_endpoint([endpoint("closed")], networks, 4) is None


def test_ports_lead_to_the_way_out_if_the_host_is_on_it() -> None:
    mode = {"com.docker.network.bridge.gateway_mode_ipv4": "routed"}
    local = {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}
    lan = network(driver="macvlan", options={"parent": "eth0"})
    assert plan.publishing([endpoint()], {"app": network()}).address == "10.9.0.2"
    assert plan.publishing([endpoint()], {"app": network(options=mode)}).routes4
    assert plan.publishing([endpoint()], {"app": network(options=local)}).host_ip == "127.0.0.1"
    assert plan.publishing([endpoint()], {"app": lan}).address == ""


def test_an_ipvlan_of_layer_three_sends_straight_out_of_its_link() -> None:
    lan = network(driver="ipvlan", options={"parent": "eth0", "ipvlan_mode": "l3"})
    assert plan.gateways([endpoint()], {"app": lan}) == [("eth0", "0.0.0.0")]
    made = plan.link(endpoint(), lan, LinkView(7, "eth0", 1500), "")
    assert (made.kind, made.parent, made.mode) == ("ipvlan", 7, 1)


def test_interfaces_are_numbered_from_the_networks_own_prefix() -> None:
    assert plan.interface_name(EndpointSettings(), ["eth0", "foo0"], "foo") == "foo1"
    named = EndpointSettings(driver_opts={"com.docker.network.endpoint.ifname": "lan"})
    assert plan.interface_name(named, ["eth0"]) == "lan"
