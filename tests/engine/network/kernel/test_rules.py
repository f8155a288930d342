"""What the firewall is told."""

from __future__ import annotations

from engine.network.kernel import rules
from engine.network.kernel.rules import BridgeRules, Element
from engine.network.records import Publication


def published(**changes: object) -> Publication:
    values: dict[str, object] = {
        "protocol": "tcp", "host_ip": "", "host_port": 8080, "container_port": 80, "address": "172.18.0.2",
    }  # fmt: skip
    return Publication(**{**values, **changes})  # type: ignore[arg-type]


def test_an_ordinary_network_may_talk_within_and_leave_with_the_hosts_address() -> None:
    elements = rules.bridge_elements(BridgeRules("pc1", ("10.1.0.0/24", "fd00::/64")))
    assert elements == [
        Element("bridges", '"pc1"'),
        Element("own4", '"pc1" . 10.1.0.0/24'),
        Element("own6", '"pc1" . fd00::/64'),
        Element("within", '"pc1" . "pc1"'),
        Element("masqueraded4", '"pc1"'),
        Element("masqueraded6", '"pc1"'),
    ]


def test_an_internal_network_reaches_nothing_else() -> None:
    containers = [item.container for item in rules.bridge_elements(BridgeRules("pc1", is_internal=True))]
    assert containers == ["bridges", "within", "internal"]


def test_the_first_internal_network_needs_rules_that_reckon_with_it() -> None:
    ordinary, inner = BridgeRules("pc1"), BridgeRules("pc2", is_internal=True)
    assert not rules.needs_other_rules(ordinary, [ordinary, inner])
    assert rules.needs_other_rules(inner, [ordinary])
    assert not rules.needs_other_rules(inner, [inner, ordinary])


def test_a_network_without_inter_container_communication_is_not_in_the_set_of_those() -> None:
    apart = BridgeRules("pc1", connects_containers=False)
    assert "within" not in [item.container for item in rules.bridge_elements(apart)]


def test_a_link_of_the_host_that_is_trusted_may_reach_all_ports() -> None:
    assert Element("within", '"eth0" . "pc1"') in rules.bridge_elements(BridgeRules("pc1", trusted=("eth0",)))


def test_a_routed_network_keeps_its_addresses_and_opens_its_ports_where_the_container_is() -> None:
    elements = rules.bridge_elements(BridgeRules("pc1", masqueraded=(6,), routed=(4,)))
    assert [item.container for item in elements] == ["bridges", "within", "masqueraded6", "routed4"]
    assert rules.publication_elements([published(host_port=0, is_routed=True)]) == [
        Element("open4", "172.18.0.2 . tcp . 80")
    ]


def test_a_port_on_all_addresses_is_keyed_by_protocol_and_port() -> None:
    assert rules.publication_elements([published(protocol="udp")]) == [
        Element("publish4", "udp . 8080", "172.18.0.2 . 80")
    ]


def test_a_port_on_one_address_is_keyed_by_it() -> None:
    assert rules.publication_elements([published(host_ip="127.0.0.1")]) == [
        Element("publish4_at", "127.0.0.1 . tcp . 8080", "172.18.0.2 . 80")
    ]


def test_an_ipv6_port_is_translated_only_to_an_ipv6_address() -> None:
    assert rules.publication_elements([published(host_ip="::")]) == []
    assert rules.publication_elements([published(host_ip="::", address6="fd00::2")]) == [
        Element("publish6", "tcp . 8080", "fd00::2 . 80")
    ]


def test_messages_name_the_engines_own_table_only() -> None:
    elements = [Element("publish4", "tcp . 1", "10.0.0.2 . 2"), Element("internal", '"pc1"')]
    table = b"pycompose_ab12\0"
    for messages in (rules.whole_table("ab12", elements), rules.remove("ab12", elements), rules.drop_table("ab12")):
        assert all(message.body[4 : 4 + len(table)] == table for message in messages)


def test_elements_of_one_set_go_as_one_message() -> None:
    elements = [Element("publish4", f"tcp . {port}", "10.0.0.2 . 2") for port in range(1, 100)]
    assert len(rules.add("ab12", [*elements, Element("internal", '"pc1"')])) == 2
