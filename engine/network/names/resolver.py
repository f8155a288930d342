"""The embedded name server: sockets inside every container's namespace, served by the engine's loop.

The socket says who asks. Names of containers are answered at once in the loop's callback; everything else is
forwarded from the host's own network, so that the host's resolvers are reachable even when they listen on its
loopback. Equal questions that are under way share one answer, and answers are kept for a few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.abc
from msgspec import Struct

from engine.network.kernel.netlink import DnsSockets
from engine.network.names import dns
from engine.network.names.directory import Directory, Forward
from engine.network.names.dns import NotAQuery, Question
from engine.network.names.hostfiles import ResolvConf, parse_resolv_conf
from engine.network.proxies.streams import Acceptor

log = logging.getLogger(__name__)

_HOST_RESOLV_CONF = Path("/etc/resolv.conf")
_TRY_SECONDS = 2.0
_ROUNDS = 2
_CACHE_ENTRIES = 1024
_CACHE_SECONDS = 30.0
# Of all containers, and of one: who asks without end does not keep the others waiting.
_MAX_UNDER_WAY = 4096
_MAX_FORWARDED = 512
_SILENT_SECONDS = 30.0
_MAX_MESSAGE_BYTES = 65535
_TCP_IDLE_SECONDS = 10.0
_DATAGRAMS_PER_TURN = 32
_REFUSALS = (dns.SERVFAIL, dns.REFUSED, dns.NOTIMP)
DNS_PORT = 53

Key = tuple[tuple[str, ...], bool, bytes]


class HostResolvers:
    """The host's resolv.conf, read again when it changed."""

    def __init__(self, path: Path = _HOST_RESOLV_CONF) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._content = ResolvConf()

    def read(self) -> ResolvConf:
        """What it says now; a missing file says nothing."""
        try:
            status = self._path.stat()
            if self._stamp != (status.st_mtime_ns, status.st_ino):
                self._content = parse_resolv_conf(self._path.read_text("utf-8", "replace"))
                self._stamp = (status.st_mtime_ns, status.st_ino)
        except OSError:
            self._content, self._stamp = ResolvConf(), None
        return self._content


class _UnderWay(Struct):
    """A question that was sent on; `answer` is set when `done` is."""

    done: anyio.Event
    answer: bytes | None = None


class Forwarder:
    """Asks servers outside. One instance serves all containers."""

    def __init__(self, *, port: int = DNS_PORT, clock: Callable[[], float] = time.monotonic) -> None:
        self._port = port
        self._clock = clock
        self._under_way: dict[Key, _UnderWay] = {}
        self._kept: OrderedDict[Key, tuple[float, bytes]] = OrderedDict()
        self._silent: dict[str, float] = {}

    async def ask(self, question: Question, servers: tuple[str, ...], *, over_tcp: bool) -> bytes:
        """The answer of the first server that has one; SERVFAIL when none does."""
        key = (servers, over_tcp, question.identity)
        answer = self._remembered(key)
        if answer is None:
            answer = await self._ask_once(key, question)
        return dns.for_question(answer, question) if answer else dns.failure(question, dns.SERVFAIL)

    def _remembered(self, key: Key) -> bytes | None:
        until, answer = self._kept.get(key, (0.0, b""))
        return answer if until > self._clock() else None

    async def _ask_once(self, key: Key, question: Question) -> bytes | None:
        running = self._under_way.get(key)
        if running is not None:
            await running.done.wait()
            return running.answer
        if len(self._under_way) >= _MAX_UNDER_WAY:
            return None
        mine = self._under_way[key] = _UnderWay(anyio.Event())
        try:
            mine.answer = await self._ask_servers(question, key[0], over_tcp=key[1])
        finally:
            del self._under_way[key]
            mine.done.set()
        if mine.answer is not None:
            self._keep(key, question, mine.answer)
        return mine.answer

    async def _ask_servers(self, question: Question, servers: tuple[str, ...], *, over_tcp: bool) -> bytes | None:
        last: bytes | None = None
        for server in self._in_order(servers) * _ROUNDS:
            with self._noting_silence(server), contextlib.suppress(OSError, EOFError):
                own = _with_fresh_identity(question)
                answer = await self._over_tcp(own, server) if over_tcp else await self._over_udp(own, server)
                if dns.response_code(answer) not in _REFUSALS:
                    return answer
                last = answer
        return last

    def _in_order(self, servers: tuple[str, ...]) -> tuple[str, ...]:
        """The servers as they are listed, but those last that did not answer a while ago: one that is down would make
        every question wait.
        """
        now = self._clock()
        self._silent = {server: until for server, until in self._silent.items() if until > now}
        return tuple(sorted(servers, key=self._silent.__contains__))

    @contextmanager
    def _noting_silence(self, server: str) -> Iterator[None]:
        with anyio.move_on_after(_TRY_SECONDS) as scope:
            yield
        if scope.cancelled_caught:
            self._silent[server] = self._clock() + _SILENT_SECONDS

    async def _over_udp(self, question: Question, server: str) -> bytes:
        loop = asyncio.get_running_loop()
        with _socket(server, socket.SOCK_DGRAM) as outward:
            # Connected: answers from anyone else never arrive. The port is random, as the id is.
            outward.connect((server, self._port))
            await loop.sock_sendall(outward, question.raw)
            while True:
                answer = await loop.sock_recv(outward, _MAX_MESSAGE_BYTES)
                if dns.belongs_to(answer, question):
                    return answer

    async def _over_tcp(self, question: Question, server: str) -> bytes:
        loop = asyncio.get_running_loop()
        with _socket(server, socket.SOCK_STREAM) as outward:
            await loop.sock_connect(outward, (server, self._port))
            await loop.sock_sendall(outward, struct.pack(">H", len(question.raw)) + question.raw)
            answer = await _read_message(outward)
        if not dns.belongs_to(answer, question):
            raise EOFError
        return answer

    def _keep(self, key: Key, question: Question, answer: bytes) -> None:
        lifetime = 0.0
        if dns.response_code(answer) in (dns.NOERROR, dns.NXDOMAIN) and not dns.is_truncated(answer):
            lifetime = dns.lifetime_seconds(answer, question, _CACHE_SECONDS)
        if lifetime > 0:
            self._kept[key] = (self._clock() + lifetime, answer)
            self._kept.move_to_end(key)
            while len(self._kept) > _CACHE_ENTRIES:
                self._kept.popitem(last=False)


class NameServer:
    """The name server of one container. Owns its sockets until `close`."""

    def __init__(
        self, container_id: str, sockets: DnsSockets, tasks: anyio.abc.TaskGroup, resolution: Resolution
    ) -> None:
        self._container_id = container_id
        self._datagram = sockets.datagram
        self._tasks = tasks
        self._resolution = resolution
        self._forwarded = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._datagram, self._receive)
        self._acceptor = Acceptor(sockets.listener, tasks, self._serve_stream)

    def close(self) -> None:
        """Close the sockets; a namespace stays alive as long as one is open."""
        if self._datagram.fileno() >= 0:
            self._loop.remove_reader(self._datagram)
            self._datagram.close()
        self._acceptor.close()

    def _receive(self) -> None:
        for _ in range(_DATAGRAMS_PER_TURN):
            try:
                raw, asker = self._datagram.recvfrom(_MAX_MESSAGE_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                log.debug("name server of %s: %s", self._container_id[:12], exc)
                return
            answer = self._resolution.at_once(self._container_id, raw, over_tcp=False)
            if isinstance(answer, tuple) and self._forwarded < _MAX_FORWARDED:
                self._forwarded += 1
                self._tasks.start_soon(self._forward, *answer, asker)
            elif isinstance(answer, tuple):
                self._send(dns.failure(answer[0], dns.SERVFAIL), asker)
            elif answer:
                self._send(answer, asker)

    async def _forward(self, question: Question, servers: tuple[str, ...], asker: tuple[str, int]) -> None:
        try:
            answer = await self._resolution.forwarder.ask(question, servers, over_tcp=False)
        except Exception:  # logged; one bad answer from outside must not end the service of all others
            log.exception("forwarding a question failed")
            return
        finally:
            self._forwarded -= 1
        if self._datagram.fileno() >= 0:
            self._send(answer, asker)

    def _send(self, answer: bytes, asker: tuple[str, int]) -> None:
        try:
            self._datagram.sendto(answer, asker)
        except OSError as exc:
            # As if lost on the way: resolvers ask again.
            log.debug("name server of %s: %s", self._container_id[:12], exc)

    async def _serve_stream(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(EOFError):
            while True:
                with anyio.fail_after(_TCP_IDLE_SECONDS):
                    raw = await _read_message(connection)
                answer = self._resolution.at_once(self._container_id, raw, over_tcp=True)
                if isinstance(answer, tuple):
                    answer = await self._resolution.forwarder.ask(*answer, over_tcp=True)
                if not answer:
                    return
                await loop.sock_sendall(connection, struct.pack(">H", len(answer)) + answer)


class Resolution:
    """What all name servers share: the directory, the way out, and the host's resolvers."""

    def __init__(self, directory: Directory, forwarder: Forwarder, host: HostResolvers) -> None:
        self.directory = directory
        self.forwarder = forwarder
        self.host = host

    def at_once(
        self, container_id: str, raw: bytes, *, over_tcp: bool
    ) -> bytes | tuple[Question, tuple[str, ...]] | None:
        """An answer, or the question and the servers to ask, or None for what deserves no answer."""
        try:
            question = dns.parse_query(raw)
        except NotAQuery as exc:
            return exc.reply
        decision = self.directory.answer(container_id, question, over_tcp=over_tcp)
        if not isinstance(decision, Forward):
            return decision
        if decision.servers is None:
            return dns.failure(question, dns.SERVFAIL)
        servers = decision.servers or self.host.read().servers
        return (question, servers) if servers else dns.failure(question, dns.SERVFAIL)


def _with_fresh_identity(question: Question) -> Question:
    return Question(secrets.token_bytes(2) + question.raw[2:], question.name, question.kind, question.end)


def _socket(server: str, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    return socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


async def _read_message(connection: socket.socket) -> bytes:
    """One message with its length before it. Raises `EOFError`."""
    (length,) = struct.unpack(">H", await _read_exactly(connection, 2))
    return await _read_exactly(connection, length)


async def _read_exactly(connection: socket.socket, wanted: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < wanted:
        chunk = await loop.sock_recv(connection, wanted - len(data))
        if not chunk:
            raise EOFError(errno.ECONNRESET)
        data += chunk
    return data
