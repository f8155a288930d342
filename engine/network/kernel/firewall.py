"""The firewall's changes, sent to the kernel over netlink: one transaction each, which either happens or does not.

Messages that arrive while a transaction runs go together into the next one. Only tables of this engine are touched,
and in Docker's chain DOCKER-USER only rules that carry this engine's comment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence

import anyio

from engine.errors import EngineError, Unavailable
from engine.kernel.threads import brief
from engine.network.kernel import nftables, rules
from engine.network.kernel.nftables import Message
from engine.network.kernel.rules import table_name

_NETLINK_NETFILTER = 12
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
# A table with all ports of a busy host goes as one datagram.
_BUFFER_BYTES = 16 << 20
_ANSWER_BYTES = 1 << 17
_DOCKER_FAMILIES = (nftables.FAMILIES["ip"], nftables.FAMILIES["ip6"])


class _Refused(Exception):
    """The kernel's answer to a message, by number (0: to the whole); `args` are number and errno."""


class Netfilter:
    """A netlink socket to nf_tables of the network namespace in which it is made; blocking, one caller at a time."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
        for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
            with contextlib.suppress(PermissionError):  # the ordinary size is enough for all but the largest tables
                self._socket.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        self._socket.bind((0, 0))

    def close(self) -> None:
        """Close the socket. The kernel then waits for all that was deleted (15 ms), so not after each change."""
        self._socket.close()

    def change(self, messages: Sequence[Message]) -> None:
        """Do all of it or nothing. Raises `EngineError` that names the first message that failed."""
        self._socket.send(nftables.transaction(messages))
        try:
            for _ in self._answers(last=len(messages)):
                pass
        except _Refused as exc:
            number, code = exc.args
            about = messages[number - 1].about if 0 < number <= len(messages) else "begin a transaction"
            raise EngineError(f"nftables: cannot {about}: {os.strerror(code)}") from None
        finally:
            self._discard()

    def ask(self, message: Message) -> list[bytes] | None:
        """The bodies of the kernel's answers; None if there is no such thing. Raises `EngineError`."""
        self._socket.send(nftables.query(message))
        try:
            return list(self._answers(last=1))
        except _Refused as exc:
            if exc.args[1] == errno.ENOENT:
                return None
            raise EngineError(f"nftables: cannot {message.about}: {os.strerror(exc.args[1])}") from None
        finally:
            self._discard()

    def _answers(self, *, last: int) -> Iterator[bytes]:
        """Bodies until the answer to the message with number `last` is complete."""
        while True:
            data = self._socket.recv(_ANSWER_BYTES)
            while len(data) >= 20:
                length, kind, _flags, number, _port = struct.unpack_from("=IHHII", data)
                (code,) = struct.unpack_from("=i", data, 16)
                if kind == _NLMSG_ERROR and code:
                    raise _Refused(number, -code)
                if kind == _NLMSG_DONE or (kind == _NLMSG_ERROR and number == last):
                    return
                if kind != _NLMSG_ERROR:
                    yield data[16:length]
                data = data[(length + 3) & ~3 :]

    def _discard(self) -> None:
        """Forget what else was said to this request: the kernel has said it all before `send` returned."""
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(_ANSWER_BYTES, socket.MSG_DONTWAIT):
                continue


class _Waiting:
    """Messages of one caller that wait for their transaction."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self.done = False
        self.error: EngineError | None = None


class Firewall:
    """Changes the firewall for one engine; `connect` reaches the kernel."""

    def __init__(self, tag: str, connect: Callable[[], Netfilter] = Netfilter) -> None:
        self._tag = tag
        self._connect = connect
        self._netfilter: Netfilter | None = None
        self._is_closed = False
        self._guard = threading.Lock()
        self._turn = anyio.Lock()
        self._queue: list[_Waiting] = []

    def close(self) -> None:
        """Let go of the kernel. A change that comes later, from who is still tidying up, connects for itself alone."""
        self._is_closed = True
        with self._guard:
            self._disconnect()

    async def apply(self, messages: Sequence[Message]) -> None:
        """Do what the messages say, all or nothing; cancellation waits for the kernel. Raises `EngineError`."""
        if not messages:
            return
        mine = _Waiting(messages)
        self._queue.append(mine)
        # Shielded: messages that were queued may already be on their way with somebody else's.
        with anyio.CancelScope(shield=True):
            async with self._turn:
                if not mine.done:
                    batch, self._queue = self._queue, []
                    await brief(self._run_batch, batch)
        if mine.error is not None:
            raise mine.error

    async def table_exists(self) -> bool:
        """Whether this engine's table is in the kernel."""
        return await brief(self._table_exists)

    async def pass_docker(self, named: Sequence[str] = ()) -> None:
        """Let our traffic pass Docker's filter, where Docker is; once is enough."""
        await brief(self._pass_docker, named)

    async def unpass_docker(self) -> None:
        """Remove what `pass_docker` put there."""
        await brief(self._unpass_docker)

    def _run_batch(self, batch: list[_Waiting]) -> None:
        try:
            self._change([message for item in batch for message in item.messages])
        except EngineError as error:
            if len(batch) == 1:
                batch[0].error = error
            else:  # one bad message fails them all: find out whose it was
                for item in batch:
                    self._run_batch([item])
        for item in batch:
            item.done = True

    def _change(self, messages: Sequence[Message]) -> None:
        with self._connected() as kernel:
            kernel.change(messages)

    def _ask(self, message: Message) -> list[bytes] | None:
        with self._connected() as kernel:
            return kernel.ask(message)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Netfilter]:
        """The connection, for one caller at a time; after trouble with it the next caller gets a new one."""
        with self._guard:
            try:
                if self._netfilter is None:
                    self._netfilter = self._connect()
                yield self._netfilter
            except OSError as exc:
                self._disconnect()
                raise Unavailable(f"nftables: {exc.strerror}", hint="the kernel must have nf_tables") from exc
            finally:
                if self._is_closed:
                    self._disconnect()

    def _disconnect(self) -> None:
        if self._netfilter is not None:
            self._netfilter.close()
            self._netfilter = None

    def _table_exists(self) -> bool:
        return self._ask(nftables.get_table(table_name(self._tag))) is not None

    def _docker_rules(self, family: int) -> list[int] | None:
        """Handles of our rules in Docker's chain; None where there is no such chain."""
        if self._ask(nftables.get_chain(family, rules.DOCKER_TABLE, rules.DOCKER_CHAIN)) is None:
            return None
        answers = self._ask(nftables.list_rules(family, rules.DOCKER_TABLE, rules.DOCKER_CHAIN)) or ()
        found = map(nftables.rule_handle_and_comment, answers)
        return [handle for handle, comment in found if comment == table_name(self._tag)]

    def _pass_docker(self, named: Sequence[str]) -> None:
        for family in _DOCKER_FAMILIES:
            handles = self._docker_rules(family)
            wanted = rules.docker_user_rules(self._tag, family, named)
            if handles is not None and len(handles) != len(wanted):
                table, chain = rules.DOCKER_TABLE, rules.DOCKER_CHAIN
                old = [nftables.delete_rule(family, table, chain, handle) for handle in handles]
                self._change([*old, *wanted])

    def _unpass_docker(self) -> None:
        for family in _DOCKER_FAMILIES:
            handles = self._docker_rules(family)
            if handles:
                table, chain = rules.DOCKER_TABLE, rules.DOCKER_CHAIN
                self._change([nftables.delete_rule(family, table, chain, handle) for handle in handles])
