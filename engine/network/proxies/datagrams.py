"""Passing UDP datagrams on where DNAT cannot: to `::1`, and from an IPv6 address of the host to an IPv4 one.

UDP has no connections, so each sender gets a socket of its own towards the container, by which the answers find back,
until it has been silent for a while.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import OrderedDict
from typing import Final

from msgspec import Struct

log = logging.getLogger(__name__)

_MAX_DATAGRAM_BYTES: Final = 65535
_PER_TURN: Final = 64
_SILENCE_SECONDS: Final = 90.0
_MAX_SENDERS: Final = 4096
# linux/in6.h: which address a datagram was sent to (struct in6_pktinfo), so that the answer comes from there.
_PACKET_INFO: Final = struct.Struct("=16sI")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_PACKET_INFO.size)

Sender = tuple[str, int, int, int]


class _Flow(Struct):
    """One sender's socket, the ancillary data of answers to it, and when it last was heard."""

    towards: socket.socket
    reply_from: list[tuple[int, int, bytes]]
    heard_at: float


class Relay:
    """Passes datagrams on to `host`:`port` and the answers back. Owns its bound socket until `close`."""

    def __init__(self, bound: socket.socket, host: str, port: int) -> None:
        self._bound = bound
        self._target = (host, port)
        self._flows: OrderedDict[Sender, _Flow] = OrderedDict()
        self._loop = asyncio.get_running_loop()
        bound.setblocking(False)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._loop.add_reader(bound, self._receive)

    def retarget(self, host: str, port: int) -> None:
        """Pass datagrams that come from now on to somewhere else."""
        self._target = (host, port)
        while self._flows:
            self._end(next(iter(self._flows)))

    def close(self) -> None:
        """Close all sockets."""
        if self._bound.fileno() >= 0:
            self._loop.remove_reader(self._bound)
            self._bound.close()
        while self._flows:
            self._end(next(iter(self._flows)))

    def _receive(self) -> None:
        for _ in range(_PER_TURN):
            try:
                data, ancillary, _flags, sender = self._bound.recvmsg(_MAX_DATAGRAM_BYTES, _ANCILLARY_BYTES)
                self._flow(sender, ancillary).towards.send(data)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:  # nobody listens there, or no room: as if lost on the way
                log.debug("a datagram was not passed on: %s", exc)

    def _flow(self, sender: Sender, ancillary: list[tuple[int, int, bytes]]) -> _Flow:
        now = self._loop.time()
        self._forget_silent(now)
        flow = self._flows.get(sender)
        if flow is None:
            family = socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET
            towards = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                towards.connect(self._target)
            except BaseException:
                towards.close()
                raise
            flow = self._flows[sender] = _Flow(towards, [], now)
            self._loop.add_reader(towards, self._answer, sender, flow)
        flow.reply_from = [item for item in ancillary if item[1] == socket.IPV6_PKTINFO]
        flow.heard_at = now
        self._flows.move_to_end(sender)
        return flow

    def _answer(self, sender: Sender, flow: _Flow) -> None:
        try:
            for _ in range(_PER_TURN):
                data = flow.towards.recv(_MAX_DATAGRAM_BYTES)
                self._bound.sendmsg([data], flow.reply_from, 0, sender)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            log.debug("an answer was not passed back: %s", exc)

    def _forget_silent(self, now: float) -> None:
        """End what was silent for long, the oldest first; nothing is looked at that is younger."""
        while self._flows:
            sender, flow = next(iter(self._flows.items()))
            if flow.heard_at + _SILENCE_SECONDS > now and len(self._flows) < _MAX_SENDERS:
                return
            self._end(sender)

    def _end(self, sender: Sender) -> None:
        flow = self._flows.pop(sender)
        self._loop.remove_reader(flow.towards)
        flow.towards.close()
