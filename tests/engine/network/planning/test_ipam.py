"""Which subnets and addresses are given out."""

from __future__ import annotations

import ipaddress

import pytest

from engine.errors import BadRequest, Conflict, Forbidden
from engine.network.planning import ipam
from engine.network.planning.ipam import Addresses, Pool
from engine.network.records import Subnet
from engine.wire.networks import IPAMConfig


def small(**changes: object) -> Subnet:
    return Subnet(**{"subnet": "10.1.0.0/29", "gateway": "10.1.0.1", **changes})  # type: ignore[arg-type]


def test_the_first_network_of_an_idle_machine_is_dockers_first() -> None:
    assert ipam.free_subnet([]) == Subnet(subnet="172.17.0.0/16", gateway="172.17.0.1")


def test_a_subnet_that_overlaps_anything_of_the_host_is_passed_over() -> None:
    taken = [ipaddress.ip_network("172.16.0.0/15"), ipaddress.ip_network("172.18.5.5/32")]
    assert ipam.free_subnet(taken).subnet == "172.19.0.0/16"


def test_after_the_large_pools_come_small_ones() -> None:
    taken = [ipaddress.ip_network("172.16.0.0/12")]
    assert ipam.free_subnet(taken).subnet == "192.168.0.0/20"


def test_a_machine_without_room_is_told_so() -> None:
    pools = [Pool(ipaddress.IPv4Network("10.0.0.0/24"), 25)]
    with pytest.raises(Conflict, match="fully subnetted"):
        ipam.free_subnet([ipaddress.ip_network("10.0.0.0/8")], pools)


def test_a_given_subnet_gets_its_first_address_as_gateway() -> None:
    assert ipam.wanted_subnet(IPAMConfig(subnet="10.9.0.0/24")).gateway == "10.9.0.1"


@pytest.mark.parametrize(("ip_range", "gateway"), [("64/29", "64"), ("0/29", "1"), ("248/29", "248")])
def test_the_gateway_of_a_subnet_with_a_range_is_the_first_of_the_range(ip_range: str, gateway: str) -> None:
    config = IPAMConfig(subnet="10.9.0.0/24", ip_range=f"10.9.0.{ip_range}")
    assert ipam.wanted_subnet(config).gateway == f"10.9.0.{gateway}"


def test_pools_of_the_machines_owner_are_dealt_out_by_version() -> None:
    pools = [ipam.checked_pool("10.64.0.0/16", 26), ipam.checked_pool("fd00:64::/32", 64)]
    assert ipam.free_subnet([ipaddress.ip_network("10.64.0.0/26")], pools).subnet == "10.64.0.64/26"
    assert ipam.free_subnet([], pools, 6) == Subnet(subnet="fd00:64::/64", gateway="fd00:64::1")


@pytest.mark.parametrize(("base", "size"), [("10.0.0.0", 40), ("10.0.0.1/16", 24), ("banana", 24), ("10.0.0.0/16", 8)])
def test_a_pool_that_makes_no_sense_is_refused(base: str, size: int) -> None:
    with pytest.raises(BadRequest, match="invalid"):
        ipam.checked_pool(base, size)


def test_of_two_addresses_one_is_the_gateways_and_one_a_containers() -> None:
    subnet = ipam.wanted_subnet(IPAMConfig(subnet="10.9.0.0/31"))
    assert (subnet.gateway, Addresses(subnet).take()) == ("10.9.0.0", "10.9.0.1")


def test_what_the_host_may_not_reach_any_more_is_warned_of() -> None:
    lan = ipaddress.ip_network("10.1.0.0/24")
    assert ipam.overlaps([small()], [lan, ipaddress.ip_network("10.2.0.0/16")]) == [
        "subnet 10.1.0.0/29 overlaps what this machine reaches elsewhere (10.1.0.0/24): it may not be reached any more"
    ]
    assert ipam.overlaps([small(subnet="10.3.0.0/29")], [lan]) == []


def test_overlapping_another_network_is_forbidden_and_names_it() -> None:
    with pytest.raises(Forbidden, match="of network front"):
        ipam.refuse_overlap(small(), [("front", small(subnet="10.1.0.0/16"))])
    ipam.refuse_overlap(small(), [("v6", Subnet(subnet="fd00::/64", gateway="fd00::1"))])


def test_an_ipv6_network_without_subnet_gets_a_unique_local_one_of_its_own() -> None:
    one, other = ipam.unique_local_subnet("a"), ipam.unique_local_subnet("b")
    assert ipaddress.ip_network(one.subnet).subnet_of(ipaddress.ip_network("fd00::/8"))  # type: ignore[arg-type]
    assert one.subnet != other.subnet
    assert one.prefix_length == 64


def test_gateway_network_and_broadcast_are_never_given_out() -> None:
    pool = Addresses(small())
    assert [pool.take() for _ in range(5)] == ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"]
    with pytest.raises(Forbidden, match="no available IPv4 addresses"):
        pool.take()


def test_the_lowest_free_address_is_the_next() -> None:
    pool = Addresses(small())
    first, second, third = (pool.take() for _ in range(3))
    pool.release(second)
    pool.release(first)
    assert [pool.take() for _ in range(3)] == [first, second, "10.1.0.5"]
    assert third == "10.1.0.4"


def test_who_comes_again_gets_the_address_that_it_had_if_nobody_has_it_now() -> None:
    pool = Addresses(small())
    front, back = pool.take(holder="front"), pool.take(holder="back")
    pool.release(front)
    pool.release(back)
    assert pool.take(holder="back") == back
    assert pool.take(holder="other") == front
    assert pool.take(holder="front") == "10.1.0.4"


def test_an_address_in_use_before_a_restart_is_had_again_by_its_holder() -> None:
    pool = Addresses(small())
    pool.mark("10.1.0.5", "front")
    pool.release("10.1.0.5")
    assert pool.take(holder="front") == "10.1.0.5"


def test_a_static_address_is_not_given_again_to_who_no_longer_asks_for_it() -> None:
    pool = Addresses(small(subnet="10.1.0.0/16", ip_range="10.1.5.0/24"))
    pool.release(pool.take("10.1.9.9", "front"))
    assert pool.take(holder="front") == "10.1.5.0"


def test_a_static_address_is_kept_from_others() -> None:
    pool = Addresses(small())
    assert pool.take("10.1.0.2") == "10.1.0.2"
    assert pool.take() == "10.1.0.3"
    with pytest.raises(Forbidden, match="Address already in use"):
        pool.take("10.1.0.2")
    with pytest.raises(Forbidden, match="Address already in use"):
        pool.take("10.1.0.1")
    with pytest.raises(BadRequest, match="no configured subnet or ip-range contain the IP address"):
        pool.take("10.2.0.2")


def test_addresses_come_from_the_range_but_static_ones_from_the_whole_subnet() -> None:
    pool = Addresses(small(subnet="10.1.0.0/16", ip_range="10.1.5.0/24", auxiliary={"printer": "10.1.5.0"}))
    assert pool.take() == "10.1.5.1"
    assert pool.take("10.1.9.9") == "10.1.9.9"


def test_ipv6_addresses_count_up_from_the_gateway() -> None:
    assert Addresses(Subnet(subnet="fd00:1::/64", gateway="fd00:1::1")).take() == "fd00:1::2"


def test_addresses_in_use_before_a_restart_are_not_given_out_again() -> None:
    pool = Addresses(small())
    pool.mark("10.1.0.3")
    assert [pool.take() for _ in range(4)] == ["10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6"]


def test_a_holder_that_is_said_to_have_had_an_address_gets_it_if_it_is_free() -> None:
    pool = Addresses(small())
    pool.remember("10.1.0.4", "web")
    assert [pool.take("", "other"), pool.take("", "web")] == ["10.1.0.2", "10.1.0.4"]
    pool.release("10.1.0.4")
    pool.take("10.1.0.4", "other")
    assert pool.take("", "web") == "10.1.0.3"


def test_only_the_last_address_that_a_holder_is_said_to_have_had_counts() -> None:
    pool = Addresses(small())
    pool.take("10.1.0.3", "web")
    pool.release("10.1.0.3")
    pool.remember("10.1.0.5", "web")
    assert pool.take("", "web") == "10.1.0.5"


def test_an_address_of_elsewhere_is_not_remembered() -> None:
    pool = Addresses(small())
    pool.remember("192.168.7.7", "web")
    assert pool.take("", "web") == "10.1.0.2"


def test_the_mac_follows_from_the_address() -> None:
    assert ipam.mac_address("172.18.0.2", "x") == "02:42:ac:12:00:02"
    assert ipam.mac_address("", "x") != ipam.mac_address("", "y")


def test_a_given_mac_must_be_one_of_a_single_host() -> None:
    assert ipam.checked_mac("02-42-AC-12-00-02") == "02:42:ac:12:00:02"
    for wrong in ("01:00:5e:00:00:01", "02:42", "zz:42:ac:12:00:02"):
        with pytest.raises(BadRequest):
            ipam.checked_mac(wrong)
