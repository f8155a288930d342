"""Reading port wishes, and taking host ports (of loopback only)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import BadRequest, EngineError, PortInUse
from engine.network import ports
from engine.network.ports import Reservation, TakenElsewhere, Target, Wish, port_map, reserve, wishes
from engine.network.records import Publication
from engine.wire.containers import PortBinding
from tests.fakes.ports import free_port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server


def local(host_port: int, *, protocol: str = "tcp", last: int | None = None) -> Wish:
    wanted = None if not host_port else range(host_port, (last or host_port) + 1)
    return Wish(protocol, 80, "127.0.0.1", wanted)


def test_fixed_ports_are_taken_before_any_free_one() -> None:
    found = wishes({"80/tcp": [PortBinding()], "53/udp": [PortBinding(host_ip="127.0.0.1", host_port="8000-8001")]})
    assert found == [Wish("udp", 53, "127.0.0.1", range(8000, 8002)), Wish("tcp", 80, "", None)]


@pytest.mark.parametrize(
    ("key", "binding"),
    [
        ("80/icmp", PortBinding()),
        ("http/tcp", PortBinding()),
        ("0/tcp", PortBinding()),
        ("80/tcp", PortBinding(host_port="70000")),
        ("80/tcp", PortBinding(host_port="9-8")),
        ("80/tcp", PortBinding(host_ip="localhost")),
    ],
)
def test_a_binding_that_makes_no_sense_is_refused(key: str, binding: PortBinding) -> None:
    with pytest.raises(BadRequest):
        wishes({key: [binding]})


def test_any_free_port_is_one_that_nobody_else_can_bind() -> None:
    held = reserve([local(0)], Target("10.0.0.2"), {})
    try:
        number = held.publications[0].host_port
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", number))
    finally:
        held.close()


def test_a_taken_port_names_the_program_that_listens_on_it(listener: socket.socket) -> None:
    number = listener.getsockname()[1]
    with pytest.raises(TakenElsewhere) as caught:
        reserve([local(number)], Target("10.0.0.2"), {})
    named = caught.value.with_owner()
    assert named.owner is not None
    assert named.owner.endswith(f"(pid {os.getpid()})")
    program = Path("/proc/self/comm").read_text("utf-8").strip()
    assert f"Bind for 127.0.0.1:{number} failed: port is already allocated by {program}" in named.message


def test_a_port_of_another_container_names_that_container() -> None:
    held = reserve([local(0)], Target("10.0.0.2"), {})
    try:
        with pytest.raises(PortInUse, match="by container web"):
            reserve([local(held.publications[0].host_port)], Target("10.0.0.3"), {"web": held.publications})
    finally:
        held.close()


def test_of_a_range_the_first_free_port_is_taken(listener: socket.socket) -> None:
    number = listener.getsockname()[1]
    held = reserve([local(number, last=min(number + 20, 65535))], Target("10.0.0.2"), {})
    held.close()
    assert number < held.publications[0].host_port <= number + 20


def test_tcp_and_udp_have_ports_of_their_own(listener: socket.socket) -> None:
    held = reserve([local(listener.getsockname()[1], protocol="udp")], Target("10.0.0.2"), {})
    held.close()
    assert held.publications[0].protocol == "udp"


def test_when_one_port_is_taken_none_is_kept(listener: socket.socket) -> None:
    number = free_port()
    with pytest.raises(PortInUse):
        reserve([local(number), local(listener.getsockname()[1])], Target("10.0.0.2"), {})
    reserve([local(number)], Target("10.0.0.2"), {}).close()


def test_a_port_that_was_just_closed_can_be_taken_at_once(listener: socket.socket) -> None:
    number = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", number)) as client:
        server, _ = listener.accept()
        server.close()  # the side that closes first keeps the port in TIME_WAIT
        client.recv(1)
    listener.close()
    reserve([local(number)], Target("10.0.0.2"), {}).close()


def test_an_address_that_the_host_does_not_have_is_an_error() -> None:
    with pytest.raises(EngineError, match="Cannot assign requested address"):
        reserve([Wish("tcp", 80, "203.0.113.1", None)], Target("10.0.0.2"), {})


def hosts_of(reservation: ports.Reservation) -> list[str]:
    reservation.close()
    return [item.host_ip for item in reservation.publications]


def test_a_port_is_published_where_it_can_lead_into_the_container() -> None:
    anywhere, here = Wish("tcp", 80, "", None), Wish("tcp", 80, "127.0.0.1", None)
    everything = ["", "::"] if ports.has_ipv6() else [""]
    assert hosts_of(reserve([anywhere], Target("10.0.0.2"), {})) == everything
    assert hosts_of(reserve([anywhere], Target("", "fd00::2"), {})) == everything[1:]
    assert hosts_of(reserve([here], Target("", "fd00::2"), {})) == []
    assert hosts_of(reserve([anywhere], Target(), {})) == []
    assert hosts_of(reserve([Wish("udp", 80, "", None)], Target("10.0.0.2"), {})) == everything
    assert hosts_of(reserve([Wish("sctp", 80, "", None)], Target("10.0.0.2"), {})) == [""]


def test_a_network_says_where_ports_are_published_that_name_no_address() -> None:
    target = Target("10.0.0.2", host_ip="127.0.0.1")
    assert hosts_of(reserve([Wish("tcp", 80, "", None)], target, {})) == ["127.0.0.1"]
    assert hosts_of(reserve([Wish("tcp", 80, "127.0.0.2", None)], target, {})) == ["127.0.0.2"]


def test_a_routed_network_takes_no_port_of_the_host(listener: socket.socket) -> None:
    taken = Wish("tcp", 80, "0.0.0.0", range(listener.getsockname()[1], listener.getsockname()[1] + 1))
    reservation = reserve([taken], Target("10.0.0.2", routes4=True), {})
    reservation.close()
    assert reservation.sockets == []
    assert ports.port_map(reservation.publications) == {"80/tcp": [PortBinding(host_ip="0.0.0.0", host_port="")]}


def test_ports_held_again_after_a_restart_are_the_same_and_lost_ones_are_told(listener: socket.socket) -> None:
    before = reserve([local(0)], Target("10.0.0.2"), {})
    before.close()
    again, lost = ports.hold_again(before.publications)
    again.close()
    assert again.publications == before.publications
    assert lost == []
    taken = Publication(
        protocol="tcp", host_ip="127.0.0.1", host_port=listener.getsockname()[1], container_port=80, address="10.0.0.2"
    )
    again, lost = ports.hold_again([taken])
    assert (again.publications, lost) == ([taken], [taken])


def test_the_api_shows_all_bindings_of_a_port() -> None:
    held = Reservation([
        Publication(protocol="tcp", host_ip=host_ip, host_port=8080, container_port=80, address="10.0.0.2")
        for host_ip in ("", "::")
    ])  # fmt: skip
    assert port_map(held.publications) == {
        "80/tcp": [PortBinding(host_ip="0.0.0.0", host_port="8080"), PortBinding(host_ip="::", host_port="8080")]
    }
