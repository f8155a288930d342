"""Forwarding questions to (fake, loopback) servers, and the sockets of a name server."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.abc
import pytest

from engine.network.kernel.netlink import DnsSockets
from engine.network.names import dns, resolver
from engine.network.names.directory import Directory
from engine.network.names.dns import Question
from engine.network.names.hostfiles import ResolvConf
from engine.network.names.resolver import Forwarder, HostResolvers, NameServer, Resolution
from engine.network.records import Endpoint, NetworkRecord, Sandbox
from engine.wire.networks import EndpointSettings
from tests.fakes.ports import free_port

pytestmark = pytest.mark.anyio

Answer = Callable[[Question], bytes | None]


class FakeServer:
    """A DNS server on loopback; `asked` counts what reached it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked = 0

    def reply(self, raw: bytes) -> bytes | None:
        self.asked += 1
        return self._answer(dns.parse_query(raw))

    async def serve_udp(self, port: int, address: str, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        async with await anyio.create_udp_socket(socket.AF_INET, local_host=address, local_port=port) as server:
            task_status.started()
            async for raw, asker in server:
                answer = self.reply(raw)
                if answer:
                    await server.sendto(answer, *asker)

    async def serve_tcp(self, port: int, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        async def handle(stream: anyio.abc.ByteStream) -> None:
            async with stream:
                raw = await stream.receive()
                answer = self.reply(raw[2:])
                if answer:
                    await stream.send(struct.pack(">H", len(answer)) + answer)

        async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port) as listener:
            task_status.started()
            await listener.serve(handle)


@asynccontextmanager
async def upstream(answer: Answer) -> AsyncIterator[tuple[FakeServer, int]]:
    server, port = FakeServer(answer), free_port()
    async with anyio.create_task_group() as tasks:
        await tasks.start(lambda *, task_status: server.serve_udp(port, "127.0.0.1", task_status=task_status))
        await tasks.start(lambda *, task_status: server.serve_tcp(port, task_status=task_status))
        yield server, port
        tasks.cancel_scope.cancel()


def question(name: str = "example.com", identity: int = 7) -> Question:
    return dns.parse_query(dns.query(name, dns.TYPE_A, identity))


def positive(asked: Question) -> bytes:
    return dns.reply(asked, dns.NOERROR, ["192.0.2.80"])


async def test_an_answer_from_outside_comes_with_the_askers_id_and_spelling() -> None:
    async with upstream(positive) as (_server, port):
        answer = await Forwarder(port=port).ask(question("Example.COM"), ("127.0.0.1",), over_tcp=False)
    assert answer[:2] == b"\0\7"
    assert b"\7Example\3COM" in answer
    assert answer.endswith(bytes((192, 0, 2, 80)))


async def test_equal_questions_share_one_answer_which_is_kept_as_long_as_it_says() -> None:
    now = [0.0]
    async with upstream(positive) as (server, port):
        forwarder = Forwarder(port=port, clock=lambda: now[0])
        async with anyio.create_task_group() as tasks:
            for identity in range(10):
                tasks.start_soon(partial(forwarder.ask, over_tcp=False), question(identity=identity), ("127.0.0.1",))
        assert server.asked == 1
        await forwarder.ask(question(), ("127.0.0.1",), over_tcp=False)
        assert server.asked == 1
        now[0] = dns.TTL_SECONDS + 1
        await forwarder.ask(question(), ("127.0.0.1",), over_tcp=False)
        assert server.asked == 2


async def test_a_truncated_answer_is_passed_on_and_the_question_works_over_tcp() -> None:
    def truncated(asked: Question) -> bytes:
        answer = bytearray(dns.reply(asked, dns.NOERROR))
        answer[2] |= 2
        return bytes(answer)

    async with upstream(truncated) as (_server, port):
        answer = await Forwarder(port=port).ask(question(), ("127.0.0.1",), over_tcp=False)
        assert dns.is_truncated(answer)
    async with upstream(positive) as (_server, port):
        answer = await Forwarder(port=port).ask(question(), ("127.0.0.1",), over_tcp=True)
        assert answer.endswith(bytes((192, 0, 2, 80)))


async def test_a_server_that_refuses_or_does_not_exist_is_followed_by_the_next() -> None:
    async with upstream(positive) as (_server, port), anyio.create_task_group() as tasks:
        refusing = FakeServer(lambda asked: dns.failure(asked, dns.REFUSED))
        await tasks.start(lambda *, task_status: refusing.serve_udp(port, "127.0.0.2", task_status=task_status))
        servers = ("127.0.0.3", "127.0.0.2", "127.0.0.1")
        answer = await Forwarder(port=port).ask(question(), servers, over_tcp=False)
        assert dns.response_code(answer) == dns.NOERROR
        assert refusing.asked == 1
        tasks.cancel_scope.cancel()


async def test_a_silent_server_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_TRY_SECONDS", 0.5)
    async with upstream(lambda _asked: None) as (server, port):
        answer = await Forwarder(port=port).ask(question(), ("127.0.0.1",), over_tcp=False)
    assert dns.response_code(answer) == dns.SERVFAIL
    assert server.asked == 2


async def test_a_server_that_was_silent_is_asked_last_for_a_while() -> None:
    now = [0.0]
    servers = "127.0.0.2", "127.0.0.1"
    async with upstream(positive) as (_server, port), anyio.create_task_group() as tasks:
        silent = FakeServer(lambda _asked: None)
        await tasks.start(lambda *, task_status: silent.serve_udp(port, "127.0.0.2", task_status=task_status))
        forwarder = Forwarder(port=port, clock=lambda: now[0])
        for name in ("one.example", "two.example", "three.example"):
            answer = await forwarder.ask(question(name), servers, over_tcp=False)
            assert dns.response_code(answer) == dns.NOERROR
        assert silent.asked == 1
        now[0] = resolver._SILENT_SECONDS + 1
        await forwarder.ask(question("four.example"), servers, over_tcp=False)
        assert silent.asked == 2
        tasks.cancel_scope.cancel()


async def test_who_asks_without_end_is_refused_and_others_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_MAX_FORWARDED", 4)
    async with upstream(lambda _asked: None) as (server, port), name_server(Forwarder(port=port)) as address:
        async with await anyio.create_connected_udp_socket(*address) as flooder:
            for number in range(6):
                await flooder.send(dns.query(f"{number}.example", dns.TYPE_A, number))
            refused = [await flooder.receive() for _ in range(2)]
            assert {dns.response_code(answer) for answer in refused} == {dns.SERVFAIL}
        async with await anyio.create_connected_udp_socket(*address) as client:
            await client.send(dns.query("web", dns.TYPE_A, 1))
            assert dns.response_code(await client.receive()) == dns.NOERROR
    assert server.asked <= 4


async def test_an_answer_to_something_else_is_ignored() -> None:
    port = free_port()
    answers: list[bytes] = []

    async def ask() -> None:
        answers.append(await Forwarder(port=port).ask(question(), ("127.0.0.1",), over_tcp=False))

    async with (
        await anyio.create_udp_socket(socket.AF_INET, local_host="127.0.0.1", local_port=port) as server,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(ask)
        raw, asker = await server.receive()
        await server.sendto(dns.reply(question("evil.com"), dns.NOERROR, ["192.0.2.66"]), *asker)
        await server.sendto(positive(dns.parse_query(raw)), *asker)
    (answer,) = answers
    assert answer.endswith(bytes((192, 0, 2, 80)))


async def test_that_a_name_does_not_exist_is_passed_on_as_such() -> None:
    async with upstream(lambda asked: dns.reply(asked, dns.NXDOMAIN)) as (server, port):
        answer = await Forwarder(port=port).ask(question(), ("127.0.0.1", "127.0.0.1"), over_tcp=False)
    assert dns.response_code(answer) == dns.NXDOMAIN
    assert server.asked == 1


def test_the_hosts_resolvers_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    resolvers = HostResolvers(path)
    assert resolvers.read() == ResolvConf()
    path.write_text("nameserver 127.0.0.53\n")
    assert resolvers.read().servers == ("127.0.0.53",)
    replaced = tmp_path / "new"
    replaced.write_text("nameserver 127.0.0.54\n")
    replaced.replace(path)
    assert resolvers.read().servers == ("127.0.0.54",)


@asynccontextmanager
async def name_server(forwarder: Forwarder) -> AsyncIterator[tuple[str, int]]:
    """The name server of a container called web, on loopback."""
    record = NetworkRecord(id="n", name="front", driver="bridge", created_ns=0)
    place = Endpoint(
        id="e", network_id="n", network_name="front", interface="eth0", address="10.1.0.2", address6="",
        mac_address="", aliases=[], wishes=EndpointSettings(),
    )  # fmt: skip
    web = Sandbox(id="w" * 64, namespace="", container_name="web", hostname="", endpoints=[place], dns=["127.0.0.1"])
    directory = Directory()
    directory.put(web, {"n": record})
    port = free_port()
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    datagram.bind(("127.0.0.1", port))
    sockets = DnsSockets(datagram, socket.create_server(("127.0.0.1", port)))
    async with anyio.create_task_group() as tasks:
        server = NameServer(web.id, sockets, tasks, Resolution(directory, forwarder, HostResolvers()))
        yield ("127.0.0.1", port)
        server.close()
        tasks.cancel_scope.cancel()


async def test_several_questions_on_one_tcp_connection_are_answered_in_turn() -> None:
    async with (
        upstream(positive) as (_server, port),
        name_server(Forwarder(port=port)) as address,
        await anyio.connect_tcp(*address) as stream,
    ):
        for name, last in (("web", 2), ("example.com", 80)):
            raw = dns.query(name, dns.TYPE_A)
            await stream.send(struct.pack(">H", len(raw)) + raw)
            answer = await stream.receive()
            assert (len(answer) - 2, answer[-1]) == (struct.unpack_from(">H", answer)[0], last)


async def test_a_and_aaaa_asked_together_are_answered_together() -> None:
    """musl sends both from one socket before it reads, and takes NXDOMAIN in one for both."""
    async with (
        upstream(positive) as (server, port),
        name_server(Forwarder(port=port)) as address,
        await anyio.create_connected_udp_socket(*address) as client,
    ):
        await client.send(dns.query("web", dns.TYPE_A, 1))
        await client.send(dns.query("web", dns.TYPE_AAAA, 2))
        answers = {answer[1]: answer for answer in (await client.receive(), await client.receive())}
    assert {identity: dns.response_code(answer) for identity, answer in answers.items()} == {1: 0, 2: 0}
    assert server.asked == 0


async def test_nonsense_is_not_answered_and_does_no_harm() -> None:
    async with name_server(Forwarder()) as address, await anyio.create_connected_udp_socket(*address) as client:
        await client.send(b"nonsense")
        await client.send(dns.query("web", dns.TYPE_A, 1))
        assert (await client.receive())[:2] == b"\0\1"
