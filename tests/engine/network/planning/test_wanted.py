"""Which networks can be asked for, and what is said about those that cannot (the words are Docker's)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.errors import BadRequest, EngineError, Forbidden, NotFound
from engine.network.planning.options import bridge_options, parent_options
from engine.network.planning.wanted import wanted_network
from engine.network.records import NetworkRecord
from engine.wire.networks import IPAM, ConfigReference, IPAMConfig, NetworkCreateRequest

BRIDGE = "com.docker.network.bridge."
KEPT = NetworkRecord(
    id="k" * 64,
    name="kept",
    driver="null",
    created_ns=1,
    config_only=True,
    given=[IPAMConfig(subnet="10.9.0.0/24")],
    options={"com.docker.network.driver.mtu": "1300"},
    labels={"team": "blue"},
)


def record(**wishes: object) -> NetworkRecord:
    request = NetworkCreateRequest(**{"name": "app", **wishes})  # type: ignore[arg-type]
    return wanted_network(request, lambda name: KEPT if name == "kept" else None)


def ranged(*configs: IPAMConfig, **wishes: object) -> NetworkRecord:
    return record(ipam=IPAM(config=list(configs)), **wishes)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (IPAMConfig(subnet="banana"), "invalid subnet banana: invalid CIDR block notation"),
        (IPAMConfig(gateway="10.1.0.1"), "invalid subnet : invalid CIDR block notation"),
        (IPAMConfig(subnet="10.9.0.5/24"), "invalid subnet 10.9.0.5/24: it should be 10.9.0.0/24"),
        (
            IPAMConfig(subnet="10.9.0.0/24", gateway="10.8.0.1"),
            "invalid gateway 10.8.0.1: parent subnet 10.9.0.0/24 doesn't contain this address",
        ),
        (IPAMConfig(subnet="10.9.0.0/24", gateway="bla"), "invalid gateway bla: invalid address"),
        (
            IPAMConfig(subnet="10.9.0.0/24", gateway="fd00::1"),
            "invalid gateway fd00::1: parent subnet is an IPv4 block",
        ),
        (
            IPAMConfig(subnet="10.9.0.0/24", ip_range="10.8.0.0/25"),
            "invalid ip-range 10.8.0.0/25: parent subnet 10.9.0.0/24 doesn't contain ip-range",
        ),
        (
            IPAMConfig(subnet="10.9.0.0/24", ip_range="10.0.0.0/8"),
            "invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.9.0.0/24",
        ),
        (
            IPAMConfig(subnet="10.9.0.0/24", ip_range="10.9.0.9/28"),
            "invalid ip-range 10.9.0.9/28: it should be 10.9.0.0/28",
        ),
        (
            IPAMConfig(subnet="10.9.0.0/24", auxiliary_addresses={"router": "nonsense"}),
            "invalid auxiliary address router: invalid address",
        ),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_in_dockers_words(config: IPAMConfig, problem: str) -> None:
    with pytest.raises(BadRequest) as caught:
        ranged(config)
    assert caught.value.message == f"invalid network config:\n{problem}"


def test_everything_that_is_wrong_with_the_ranges_is_said_at_once() -> None:
    with pytest.raises(BadRequest) as caught:
        ranged(IPAMConfig(subnet="10.9.0.1/24", gateway="x"), IPAMConfig(subnet="y"))
    assert caught.value.message.count("\n* ") == 3


@pytest.mark.parametrize(
    ("wishes", "error", "words"),
    [
        ({"name": " "}, BadRequest, "name is empty"),
        ({"name": "host"}, Forbidden, "operation is not permitted on predefined host network"),
        ({"name": "default"}, Forbidden, "predefined default network"),
        ({"ingress": True}, Forbidden, "Ingress network can only be global scope network"),
        ({"scope": "swarm"}, Forbidden, "swarm is not active"),
        ({"driver": "host"}, Forbidden, 'only one instance of "host" network is allowed'),
        ({"driver": "overlay"}, Forbidden, "not a swarm manager"),
        ({"driver": "weave"}, NotFound, 'plugin "weave" not found'),
        ({"ipam": IPAM(driver="mine")}, NotFound, 'plugin "mine" not found'),
        ({"ipam": IPAM(driver="null")}, BadRequest, "ipv4 pool is empty"),
        ({"enable_ipv4": False}, BadRequest, "IPv4 or IPv6 must be enabled"),
        ({"options": {"com.docker.network.enable_ipv4": "false"}}, BadRequest, "IPv4 or IPv6 must be enabled"),
        ({"config_from": ConfigReference(network="nowhere")}, NotFound, 'configuration network "nowhere" does not'),
    ],
)
def test_what_cannot_be_made_is_refused(wishes: dict[str, object], error: type[EngineError], words: str) -> None:
    with pytest.raises(error, match=words):
        record(**wishes)


@pytest.mark.parametrize("name", ["a b", "-a", "ü", "container:x"])
def test_a_name_may_be_anything(name: str) -> None:
    assert record(name=name).name == name


def test_a_bridge_has_one_subnet_of_each_version_and_not_two_that_overlap() -> None:
    with pytest.raises(Forbidden, match="doesn't support multiple subnets"):
        ranged(IPAMConfig(subnet="10.9.0.0/24"), IPAMConfig(subnet="10.9.1.0/24"))
    with pytest.raises(Forbidden, match="Pool overlaps with other one"):
        ranged(IPAMConfig(subnet="10.9.0.0/24"), IPAMConfig(subnet="10.9.0.0/25"))


def test_a_kept_address_must_not_be_the_gateway() -> None:
    with pytest.raises(EngineError, match=r"failed to allocate secondary ip address \(a:10.9.0.1\): Address already"):
        ranged(IPAMConfig(subnet="10.9.0.0/24", auxiliary_addresses={"a": "10.9.0.1"}))


def test_ranges_of_a_version_that_is_off_are_remembered_but_not_used() -> None:
    made = ranged(IPAMConfig(subnet="10.9.0.0/24"), IPAMConfig(subnet="fd00:9::/64"))
    assert [item.subnet for item in made.subnets] == ["10.9.0.0/24"]
    assert len(made.given) == 2
    only6 = ranged(IPAMConfig(subnet="10.9.0.0/24"), enable_ipv4=False, enable_ipv6=True)
    assert only6.subnets == []


def test_ipv6_can_be_switched_on_by_an_option_of_the_driver() -> None:
    assert record(options={"com.docker.network.enable_ipv6": "1"}).enable_ipv6


def test_a_network_takes_its_configuration_from_another_and_gives_none_of_its_own() -> None:
    made = record(config_from=ConfigReference(network="kept"))
    assert (made.given, made.options, made.labels) == (KEPT.given, KEPT.options, KEPT.labels)
    assert [item.subnet for item in made.subnets] == ["10.9.0.0/24"]
    assert (made.driver, made.config_from, made.config_only) == ("bridge", "kept", False)
    with pytest.raises(Forbidden, match="network driver options are not supported"):
        record(config_from=ConfigReference(network="kept"), options={"a": "b"})
    with pytest.raises(Forbidden, match="user specified configurations are not supported"):
        record(config_from=ConfigReference(network="kept"), labels={"a": "b"})
    with pytest.raises(Forbidden, match="cannot depend on another configuration network"):
        record(config_from=ConfigReference(network="kept"), config_only=True)


@pytest.mark.parametrize("asked", [{"internal": True}, {"attachable": True}, {"scope": "local"}, {"ingress": True}])
def test_a_configuration_network_keeps_nothing_of_how_a_network_is_used(asked: dict[str, Any]) -> None:
    with pytest.raises(Forbidden, match="can only contain network specific fields"):
        record(config_only=True, **asked)


def test_a_configuration_network_has_no_driver_and_no_addresses() -> None:
    made = ranged(IPAMConfig(subnet="10.9.0.0/24"), config_only=True, driver="bridge")
    assert (made.driver, made.subnets, made.takes_containers) == ("null", [], False)
    assert made == msgspec.convert(msgspec.to_builtins(made), NetworkRecord)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        (f"{BRIDGE}enable_icc", "maybe", 'strconv.ParseBool: parsing "maybe": invalid syntax'),
        (f"{BRIDGE}inhibit_ipv4", "u", 'strconv.ParseBool: parsing "u": invalid syntax'),
        (f"{BRIDGE}host_binding_ipv4", "bla", "nil ip"),
        (f"{BRIDGE}gateway_mode_ipv6", "bla", "unknown gateway mode bla"),
        ("com.docker.network.driver.mtu", "bla", 'strconv.Atoi: parsing "bla": invalid syntax'),
    ],
)
def test_a_bridges_option_that_makes_no_sense_is_refused(option: str, value: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        bridge_options({option: value})
    assert caught.value.message == f"failed to parse {option} value: {value} ({reason})"


def test_a_bridges_options_are_read() -> None:
    found = bridge_options(
        {f"{BRIDGE}name": "br9", f"{BRIDGE}enable_icc": "f", "com.docker.network.driver.mtu": "1300"}
    )
    assert (found.bridge_name, found.connects_containers, found.mtu, found.masquerades) == ("br9", False, 1300, True)
    assert bridge_options({f"{BRIDGE}gateway_mode_ipv4": "routed"}).translates(4) is False
    with pytest.raises(EngineError, match="'isolated' can only be used for an internal network"):
        bridge_options({f"{BRIDGE}gateway_mode_ipv4": "isolated"})
    with pytest.raises(BadRequest, match="invalid MTU number: -1"):
        bridge_options({"com.docker.network.driver.mtu": "-1"})


def test_the_parents_options_are_read() -> None:
    assert (
        parent_options("macvlan", {"parent": "eth0"}).mode == parent_options("macvlan", {"macvlan_mode": "bridge"}).mode
    )
    assert parent_options("ipvlan", {"ipvlan_mode": "l3"}).routes_by_link
    assert not parent_options("ipvlan", {}).routes_by_link


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("macvlan", {"macvlan_mode": "bla"}, "requested macvlan mode 'bla' is not valid, 'bridge' mode is the macvlan"),
        ("ipvlan", {"ipvlan_mode": "bla"}, "requested ipvlan mode 'bla' is not valid, 'l2' mode is the ipvlan"),
        ("ipvlan", {"ipvlan_flag": "bla"}, "requested ipvlan flag 'bla' is not valid"),
        ("macvlan", {"parent": "lo"}, "loopback interface is not a valid macvlan parent link"),
    ],
)
def test_a_parent_that_makes_no_sense_is_refused(driver: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        record(driver=driver, options=options)
