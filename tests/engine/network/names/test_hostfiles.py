"""resolv.conf and hosts."""

from __future__ import annotations

import pytest

from engine.errors import BadRequest
from engine.network.names.hostfiles import ResolvConf, hosts, parse_resolv_conf, resolv_conf
from engine.network.records import Endpoint
from engine.wire.networks import EndpointSettings

ENDPOINT = Endpoint(
    id="e", network_id="n", network_name="front", interface="eth0", address="10.1.0.2", address6="fd00::2",
    mac_address="", aliases=[], wishes=EndpointSettings(),
)  # fmt: skip


def test_the_hosts_resolv_conf_is_read_with_the_last_search_winning() -> None:
    servers = "nameserver 127.0.0.53 \nnameserver fd00::1\nnameserver example\n"
    text = f"# x\n{servers}domain a\nsearch b c\noptions edns0\noptions trust-ad\n"
    assert parse_resolv_conf(text) == ResolvConf(("127.0.0.53", "fd00::1"), ("b", "c"), ("edns0", "trust-ad"))


def test_a_container_asks_the_embedded_server_with_the_hosts_domains_and_for_whole_names_first() -> None:
    host = ResolvConf(("10.0.0.1",), ("corp",), ("edns0", "ndots:5"))
    assert resolv_conf(host, [], []) == "nameserver 127.0.0.11\nsearch corp\noptions edns0 ndots:0\n"


def test_a_containers_own_domains_and_options_replace_the_hosts() -> None:
    host = ResolvConf(("10.0.0.1",), ("corp",), ("edns0",))
    assert resolv_conf(host, ["a"], ["ndots:2"]) == "nameserver 127.0.0.11\nsearch a\noptions ndots:2\n"
    assert resolv_conf(host, ["."], ["timeout:1"]) == "nameserver 127.0.0.11\noptions timeout:1 ndots:0\n"


def test_hosts_has_the_containers_addresses_and_the_extra_ones() -> None:
    lines = hosts("web", [ENDPOINT], ["db:10.9.9.9", "six=[::1]", "host.docker.internal:host-gateway"], ["10.1.0.1"])
    assert lines.startswith("127.0.0.1\tlocalhost\n")
    assert lines.endswith("10.9.9.9\tdb\n::1\tsix\n10.1.0.1\thost.docker.internal\n10.1.0.2\tweb\nfd00::2\tweb\n")


def test_a_hostname_with_a_domain_is_known_by_its_bare_name_too() -> None:
    assert hosts("web.example.org", [ENDPOINT], [], []).endswith(
        "10.1.0.2\tweb.example.org web\nfd00::2\tweb.example.org web\n"
    )


@pytest.mark.parametrize("wrong", ["db", ":1.2.3.4", "db:nonsense", "a b:1.2.3.4"])
def test_an_extra_host_must_be_a_name_and_an_address(wrong: str) -> None:
    with pytest.raises(BadRequest):
        hosts("web", [], [wrong], [])


def test_the_host_gateway_needs_a_network() -> None:
    with pytest.raises(BadRequest, match="host-gateway"):
        hosts("web", [], ["me:host-gateway"], [])
