"""The firewall in a network namespace of the test's own, whose rules are nobody else's."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import pytest

from engine.errors import EngineError
from engine.kernel.namespaces import drop_network_namespace, inside_network, make_network_namespace
from engine.network.kernel import rules
from engine.network.kernel.firewall import Firewall, Netfilter
from engine.network.kernel.nftables import FAMILIES, INET, NEWSET, Message, add_table, delete_table
from engine.network.kernel.rules import BridgeRules, Element

pytestmark = pytest.mark.root

DOCKER = """
table ip filter {
  chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
  chain DOCKER-USER { counter return; }
}
"""
IPV4 = FAMILIES["ip"]
TABLE = """
table inet pycompose_ab12 {
  set within { type ifname . ifname; elements = { "pcab12-1" . "pcab12-1" }; }
  set own4 { type ifname . ipv4_addr; flags interval; elements = { "pcab12-1" . 10.1.0.0/16 }; }
  set own6 { type ifname . ipv6_addr; flags interval; elements = { "pcab12-1" . fd00::/64 }; }
  set bridges { type ifname; elements = { "pcab12-1", "pcab12-3" }; }
  set masqueraded4 { type ifname; elements = { "pcab12-1" }; }
  set masqueraded6 { type ifname; elements = { "pcab12-1" }; }
  set internal { type ifname; elements = { "pcab12-2" }; }
  set unprotected4 { type ifname; elements = { "pcab12-3" }; }
  set unprotected6 { type ifname; }
  set routed4 { type ifname; }
  set routed6 { type ifname; elements = { "pcab12-3" }; }
  set open4 { type ipv4_addr . inet_proto . inet_service; }
  set open6 { type ipv6_addr . inet_proto . inet_service; elements = { fd00::2 . tcp . 80 }; }
  map publish4 {
    type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . 8080 : 10.1.0.2 . 80 };
  }
  map publish4_at {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;
    elements = { 127.0.0.1 . udp . 53 : 10.1.0.2 . 53 };
  }
  map publish6 {
    type inet_proto . inet_service : ipv6_addr . inet_service; elements = { sctp . 9 : fd00::2 . 9 };
  }
  map publish6_at {
    type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service;
    elements = { fe80::1 . tcp . 8080 : fd00::2 . 80 };
  }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    ip daddr 127.0.0.0/8 iifname @bridges drop
  }
  chain publish {
    meta nfproto ipv4 dnat ip to ip daddr . meta l4proto . th dport map @publish4_at
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @publish4
    ip6 daddr ::1 return
    meta nfproto ipv6 dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6_at
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @publish6
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump publish
  }
  chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local jump publish
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 127.0.0.0/8 oifname @bridges masquerade
    ct status dnat oifname . ip saddr @own4 masquerade
    ct status dnat oifname . ip6 saddr @own6 masquerade
    meta nfproto ipv4 iifname @masqueraded4 oifname != @bridges masquerade
    meta nfproto ipv6 iifname @masqueraded6 oifname != @bridges masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related iifname != @internal accept
    iifname . oifname @within accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges ct status dnat accept
    meta nfproto ipv4 oifname @unprotected4 iifname != @bridges accept
    meta nfproto ipv6 oifname @unprotected6 iifname != @bridges accept
    meta nfproto ipv4 oifname @routed4 meta l4proto icmp accept
    meta nfproto ipv6 oifname @routed6 meta l4proto ipv6-icmp accept
    meta nfproto ipv4 oifname @routed4 ip daddr . meta l4proto . th dport @open4 accept
    meta nfproto ipv6 oifname @routed6 ip6 daddr . meta l4proto . th dport @open6 accept
    oifname @bridges drop
  }
}
"""
ELEMENTS = [
    *rules.bridge_elements(BridgeRules("pcab12-1", ("10.1.0.0/16", "fd00::/64"))),
    *rules.bridge_elements(
        BridgeRules("pcab12-3", masqueraded=(), unprotected=(4,), routed=(6,), connects_containers=False)
    ),
    Element("open6", "fd00::2 . tcp . 80"),
    Element("internal", '"pcab12-2"'),
    Element("publish4", "tcp . 8080", "10.1.0.2 . 80"),
    Element("publish4_at", "127.0.0.1 . udp . 53", "10.1.0.2 . 53"),
    Element("publish6", "sctp . 9", "fd00::2 . 9"),
    Element("publish6_at", "fe80::1 . tcp . 8080", "fd00::2 . 80"),
]
PORT = Element("publish4", "tcp . 8080", "10.1.0.2 . 80")


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "netns"
    make_network_namespace(path)
    yield path
    drop_network_namespace(path)


def inside(namespace: Path, act: Callable[[Firewall], Awaitable[None]]) -> None:
    """Run with a firewall that speaks to the kernel inside. The threads it uses are everybody's and stay outside."""
    with closing(Firewall("ab12", partial(inside_network, namespace, Netfilter))) as firewall:
        anyio.run(act, firewall)


def nft(namespace: Path, *arguments: str) -> str:
    """Run nft inside: commands, or `list …`."""
    command = ["nsenter", f"--net={namespace}", "nft", *(arguments if len(arguments) > 1 else ("-f", "-"))]
    return subprocess.run(command, input=arguments[0], check=True, capture_output=True, text=True).stdout


def test_the_kernels_table_is_what_nftables_would_make_of_the_same_rules(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        nft(namespace, TABLE)
        wanted = nft(namespace, "list", "ruleset")
        await firewall.apply(rules.whole_table("ab12", ELEMENTS))
        assert nft(namespace, "list", "ruleset") == wanted
        await firewall.apply(rules.remove("ab12", ELEMENTS))
        assert "elements" not in nft(namespace, "list", "ruleset")

    inside(namespace, check)


def test_without_internal_networks_packets_of_known_connections_pass_at_once(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        ordinary = [item for item in ELEMENTS if item.container != "internal"]
        await firewall.apply(rules.whole_table("ab12", ordinary))
        forwarded = nft(namespace, "list", "chain", "inet", "pycompose_ab12", "forward").splitlines()
        assert forwarded[3].strip() == "ct state established,related accept"

    inside(namespace, check)


def test_what_others_have_in_their_tables_does_not_matter(namespace: Path) -> None:
    """A set whose `typeof` libnftables 1.0.6 cannot parse ends every process that reads all sets with it."""

    async def check(firewall: Firewall) -> None:
        await firewall.apply([add_table("others"), set_of_unparsable_type("others")])
        await firewall.apply(rules.whole_table("ab12", ELEMENTS))
        await firewall.apply(rules.add("ab12", [Element("publish4", "tcp . 1", "10.1.0.2 . 80")]))
        await firewall.pass_docker()
        assert await firewall.table_exists()
        await firewall.apply([*rules.drop_table("ab12"), delete_table("others")])

    inside(namespace, check)


def test_a_port_is_unpublished_without_closing_the_socket(namespace: Path) -> None:
    """The kernel makes whoever closes a socket of nf_tables wait until what was deleted is gone, some 15 ms."""

    async def check(firewall: Firewall) -> None:
        ports = [Element("publish4", f"tcp . {port}", "10.1.0.2 . 80") for port in range(1, 4)]
        await firewall.apply(rules.whole_table("ab12", ports))
        before = open_sockets()
        for port in ports:
            await firewall.apply(rules.remove("ab12", [port]))
            assert open_sockets() == before

    inside(namespace, check)


def open_sockets() -> set[str]:
    """Which sockets this process has, by their numbers in the kernel: no two have the same."""
    links = (str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return {link for link in links if link.startswith("socket:")}


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_change_after_the_end_is_made_and_leaves_nothing_open(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        await firewall.apply(rules.whole_table("ab12", []))
        firewall.close()
        before = open_files()
        await firewall.apply(rules.drop_table("ab12"))
        assert not await firewall.table_exists()
        assert open_files() == before

    inside(namespace, check)


def test_thousands_of_ports_are_one_transaction(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        ports = [Element("publish4", f"tcp . {port}", "10.1.0.2 . 80") for port in range(1, 5000)]
        await firewall.apply(rules.whole_table("ab12", ports))
        await firewall.apply(rules.remove("ab12", ports))
        with pytest.raises(EngineError, match="cannot delete element from publish4: No such file"):
            await firewall.apply(rules.remove("ab12", ports))
        assert await firewall.table_exists()

    inside(namespace, check)


def set_of_unparsable_type(table: str) -> Message:
    def attribute(kind: int, value: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

    type_of_nothing = bytes([3, 8, 0, 4, 0, 0, 0, 0, 1, 0])
    numbers = ((3, 0), (4, 7), (5, 4), (10, 99))
    body = attribute(1, table.encode() + b"\0") + attribute(2, b"strange\0")
    body += b"".join(attribute(kind, struct.pack(">I", number)) for kind, number in numbers)
    return Message(NEWSET, INET, 0x400, body + attribute(13, type_of_nothing), "add a strange set")


def test_a_table_is_made_changed_and_removed(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        assert not await firewall.table_exists()
        await firewall.apply(rules.whole_table("ab12", []))
        assert await firewall.table_exists()
        await firewall.apply(rules.add("ab12", [PORT]))
        await firewall.apply(rules.remove("ab12", [PORT]))
        await firewall.apply(rules.drop_table("ab12"))
        assert not await firewall.table_exists()

    inside(namespace, check)


def test_among_commands_that_came_together_only_the_bad_one_fails(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        await firewall.apply(rules.whole_table("ab12", []))
        failed: list[list[Message]] = []

        async def change(messages: list[Message]) -> None:
            try:
                await firewall.apply(messages)
            except EngineError:
                failed.append(messages)

        wrong = rules.remove("ab12", [PORT])
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                element = Element("publish4", f"tcp . {9000 + number}", "10.1.0.2 . 80")
                tasks.start_soon(change, rules.add("ab12", [element]))
            tasks.start_soon(change, wrong)
        assert failed == [wrong]
        for number in range(8):
            await firewall.apply(rules.remove("ab12", [Element("publish4", f"tcp . {9000 + number}")]))

    inside(namespace, check)


def test_where_docker_filters_our_traffic_passes_and_the_rules_go_again(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        nft(namespace, DOCKER)
        for _ in range(2):
            await firewall.pass_docker()
        handles = firewall._docker_rules(IPV4)
        assert handles is not None
        assert len(handles) == 2
        await firewall.unpass_docker()
        assert firewall._docker_rules(IPV4) == []

    inside(namespace, check)


def test_without_docker_there_is_nothing_to_pass(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        await firewall.pass_docker()
        assert firewall._docker_rules(IPV4) is None
        await firewall.unpass_docker()

    inside(namespace, check)
