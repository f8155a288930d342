"""DNS messages, and who is told which name."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from engine.network.names import dns
from engine.network.names.directory import Directory, Forward
from engine.network.names.dns import NotAQuery, Question
from engine.network.records import Endpoint, NetworkRecord, Sandbox, Subnet
from engine.wire.networks import EndpointSettings

FRONT = NetworkRecord(
    id="f" * 64, name="front", driver="bridge", created_ns=0, subnets=[Subnet(subnet="10.1.0.0/24", gateway="10.1.0.1")]
)
BACK = NetworkRecord(
    id="b" * 64, name="back", driver="bridge", created_ns=0, subnets=[Subnet(subnet="10.2.0.0/24", gateway="10.2.0.1")],
    internal=True,
)  # fmt: skip
DEFAULT = NetworkRecord(id="d" * 64, name="bridge", driver="bridge", created_ns=0)
NETWORKS = {record.id: record for record in (FRONT, BACK, DEFAULT)}


def endpoint(
    network: NetworkRecord, address: str, *aliases: str, address6: str = "", links: list[str] | None = None
) -> Endpoint:
    return Endpoint(
        id=f"{network.name}-{address}", network_id=network.id, network_name=network.name, interface="eth0",
        address=address, address6=address6, mac_address="", aliases=list(aliases), wishes=EndpointSettings(links=links),
    )  # fmt: skip


def container(name: str, *endpoints: Endpoint, servers: list[str] | None = None) -> Sandbox:
    return Sandbox(
        id=name * 16, namespace="", container_name=name, hostname=name, endpoints=list(endpoints), dns=servers or []
    )


def directory(*sandboxes: Sandbox) -> Directory:
    known = Directory()
    for sandbox in sandboxes:
        known.put(sandbox, NETWORKS)
    return known


def asked(name: str, kind: int = dns.TYPE_A) -> Question:
    return dns.parse_query(dns.query(name, kind, identity=7))


def records(answer: bytes | Forward) -> tuple[int, list[bytes]]:
    """The code, and the payloads of the answer section."""
    assert isinstance(answer, bytes)
    question = dns.parse_query(answer[:2] + bytes((answer[2] & 0x7F,)) + answer[3:])
    count = struct.unpack_from(">H", answer, 6)[0]
    offset, payloads = question.end, []
    for _ in range(count):
        length = struct.unpack_from(">H", answer, offset + 10)[0]
        payloads.append(answer[offset + 12 : offset + 12 + length])
        offset += 12 + length
    assert offset == len(answer)
    return dns.response_code(answer), payloads


def address(text: str) -> bytes:
    return bytes(int(part) for part in text.split("."))


def test_a_query_is_parsed_without_regard_to_letter_case_and_answered_as_it_was_spelled() -> None:
    question = dns.parse_query(dns.query("Web.Front", dns.TYPE_A, identity=9))
    assert (question.name, question.kind) == ("web.front", dns.TYPE_A)
    answer = dns.reply(question, dns.NOERROR, ["10.1.0.2"])
    assert answer[:2] == b"\0\x09"
    assert b"\3Web\5Front" in answer


@pytest.mark.parametrize("raw", [b"", b"short", dns.query("a", 1)[:2] + b"\x80" + dns.query("a", 1)[3:]])
def test_what_is_no_query_gets_no_answer(raw: bytes) -> None:
    with pytest.raises(NotAQuery) as caught:
        dns.parse_query(raw)
    assert caught.value.reply is None


@pytest.mark.parametrize(
    "raw", [dns.query("name", 1)[:-3], dns.query("a", 1)[:12] + b"\x40a\0\0\1\0\1", b"\0\1" + bytes(10)]
)
def test_a_broken_query_is_called_broken(raw: bytes) -> None:
    with pytest.raises(NotAQuery) as caught:
        dns.parse_query(raw)
    assert caught.value.reply is not None
    assert dns.response_code(caught.value.reply) == dns.FORMERR


def test_names_aliases_and_short_ids_resolve_on_the_networks_that_are_shared() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2", "www"))
    app = container("app", endpoint(FRONT, "10.1.0.3", "api"), endpoint(BACK, "10.2.0.3"))
    known = directory(web, app)
    for name in ("app", "API", "app.front", app.id[:12]):
        assert records(known.answer(web.id, asked(name))) == (dns.NOERROR, [address("10.1.0.3")])


def test_names_of_other_networks_do_not_leak() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2"))
    data = container("db", endpoint(BACK, "10.2.0.2"))
    assert directory(web, data).answer(web.id, asked("db")) == Forward(())


def test_a_name_that_exists_has_no_aaaa_records_but_does_exist() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2"))
    assert records(directory(web).answer(web.id, asked("web", dns.TYPE_AAAA))) == (dns.NOERROR, [])
    assert records(directory(web).answer(web.id, asked("web", 15))) == (dns.NOERROR, [])


def test_ipv6_addresses_are_told_where_there_are_any() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2", address6="fd00::2"))
    code, payloads = records(directory(web).answer(web.id, asked("web", dns.TYPE_AAAA)))
    assert (code, payloads) == (dns.NOERROR, [b"\xfd" + bytes(14) + b"\2"])


def test_several_containers_behind_one_alias_are_all_told_in_turn() -> None:
    replicas = [container(f"web{number}", endpoint(FRONT, f"10.1.0.{number}", "web")) for number in (2, 3, 4)]
    known = directory(*replicas)
    answers = [records(known.answer(replicas[0].id, asked("web")))[1] for _ in range(3)]
    assert all(len(answer) == 3 for answer in answers)
    assert {answer[0] for answer in answers} == {address(f"10.1.0.{number}") for number in (2, 3, 4)}


def test_a_container_that_left_is_not_found_any_more_and_the_others_are() -> None:
    one, two = (container(f"web{number}", endpoint(FRONT, f"10.1.0.{number}", "web")) for number in (2, 3))
    known = directory(one, two)
    known.remove(one.id)
    assert records(known.answer(two.id, asked("web"))) == (dns.NOERROR, [address("10.1.0.3")])
    assert records(known.answer(one.id, asked("web")))[0] == dns.SERVFAIL


def test_a_renamed_container_is_found_by_its_new_name_only() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2"))
    known = directory(web)
    known.put(Sandbox(id=web.id, namespace="", container_name="shop", hostname="", endpoints=web.endpoints), NETWORKS)
    assert records(known.answer(web.id, asked("shop")))[1] == [address("10.1.0.2")]
    assert known.answer(web.id, asked("web")) == Forward(())


def test_the_default_network_has_no_names() -> None:
    web = container("web", endpoint(DEFAULT, "10.3.0.2"))
    app = container("app", endpoint(DEFAULT, "10.3.0.3"))
    assert directory(web, app).answer(web.id, asked("app")) == Forward(())


def test_links_are_names_for_the_asker_alone() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2", links=["app:backend"]))
    app = container("app", endpoint(FRONT, "10.1.0.3"))
    known = directory(web, app)
    assert records(known.answer(web.id, asked("backend")))[1] == [address("10.1.0.3")]
    assert known.answer(app.id, asked("backend")) == Forward(())


def test_unknown_names_go_to_the_containers_own_servers() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2"), servers=["9.9.9.9"])
    assert directory(web).answer(web.id, asked("example.com")) == Forward(("9.9.9.9",))


def test_a_container_on_internal_networks_only_asks_nobody_outside() -> None:
    data = container("db", endpoint(BACK, "10.2.0.2"))
    assert directory(data).answer(data.id, asked("example.com")) == Forward(None)


def test_reverse_names_are_those_of_the_shared_networks() -> None:
    web = container("web", endpoint(FRONT, "10.1.0.2"))
    known = directory(web)
    code, payloads = records(known.answer(web.id, asked("2.0.1.10.in-addr.arpa", dns.TYPE_PTR)))
    assert (code, payloads) == (dns.NOERROR, [dns.encode_name("web.front")])
    assert records(known.answer(web.id, asked("9.0.1.10.in-addr.arpa", dns.TYPE_PTR)))[0] == dns.NXDOMAIN
    assert known.answer(web.id, asked("8.8.8.8.in-addr.arpa", dns.TYPE_PTR)) == Forward(())


def test_an_answer_too_long_for_udp_has_what_fits_and_is_whole_over_tcp() -> None:
    replicas = [container(f"w{number}", endpoint(FRONT, f"10.1.0.{number}", "web")) for number in range(2, 62)]
    known = directory(*replicas)
    over_udp = known.answer(replicas[0].id, asked("web"))
    assert isinstance(over_udp, bytes)
    assert dns.is_truncated(over_udp)
    assert len(over_udp) <= 512
    assert len(records(over_udp)[1]) == (512 - asked("web").end) // 16
    assert len(records(known.answer(replicas[0].id, asked("web"), over_tcp=True))[1]) == 60


def test_in_a_crowd_every_alias_leads_to_its_own_container() -> None:
    places = {f"w{number}": f"10.1.{number // 250}.{number % 250 + 2}" for number in range(300)}
    crowd = [container(name, endpoint(FRONT, address, f"{name}-alias", "all")) for name, address in places.items()]
    known = directory(*crowd)
    for name, address in places.items():
        assert records(known.answer(crowd[0].id, asked(f"{name}-alias")))[1] == [ipaddress.ip_address(address).packed]
    assert len(records(known.answer(crowd[0].id, asked("all"), over_tcp=True))[1]) == 300
    for each in crowd[1:]:
        known.remove(each.id)
    assert records(known.answer(crowd[0].id, asked("all")))[1] == [ipaddress.ip_address("10.1.0.2").packed]


def test_who_takes_more_over_udp_gets_more_and_is_answered_in_kind() -> None:
    plain = dns.query("web", dns.TYPE_A, 7)
    room = struct.pack(">BHHIH", 0, dns.TYPE_OPT, 4096, 0, 0)
    asked = dns.parse_query(plain[:10] + b"\0\1" + plain[12:] + room)
    addresses = [f"10.0.0.{number}" for number in range(1, 60)]
    answer = dns.reply(asked, dns.NOERROR, addresses)
    assert not dns.is_truncated(answer)
    assert 512 < len(answer) <= 1232
    assert answer.endswith(struct.pack(">BHHIH", 0, dns.TYPE_OPT, 1232, 0, 0))
    assert answer[10:12] == b"\0\1"
    assert dns.is_truncated(dns.reply(asked, dns.NOERROR, [f"10.0.1.{number}" for number in range(1, 100)]))
    assert dns.is_truncated(dns.reply(dns.parse_query(plain), dns.NOERROR, addresses))


def test_reverse_addresses_are_read_for_both_versions() -> None:
    assert dns.reverse_address("4.3.2.1.in-addr.arpa") == "1.2.3.4"
    nibbles = ".".join(reversed("fd000000000000000000000000000001"))
    assert dns.reverse_address(f"{nibbles}.ip6.arpa") == "fd00::1"
    assert dns.reverse_address("x.in-addr.arpa") is None
    assert dns.reverse_address("example.com") is None


def test_an_answer_is_kept_for_its_smallest_lifetime_and_failures_without_soa_not_at_all() -> None:
    question = asked("web")
    assert (
        dns.lifetime_seconds(dns.reply(question, dns.NOERROR, ["10.0.0.1", "10.0.0.2"]), question, 30)
        == dns.TTL_SECONDS
    )
    assert dns.lifetime_seconds(dns.reply(question, dns.NXDOMAIN), question, 30) == 0


def test_an_answer_to_another_question_is_not_taken() -> None:
    question, other = asked("web"), asked("app")
    answer = dns.reply(question, dns.NOERROR, ["10.0.0.1"])
    assert dns.belongs_to(answer, question)
    assert not dns.belongs_to(answer, other)
    assert not dns.belongs_to(question.raw, question)
