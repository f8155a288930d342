"""Sockets on which the kernel is told and asked about links (rtnetlink(7)). Everything here blocks.

Links are asked for here and not looked up in /sys, which shows those of the namespace it was mounted in.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from errno import EOPNOTSUPP, EXFULL
from typing import Final

from engine.errors import EngineError
from engine.network.kernel import linkviews, rtnetlink
from engine.network.kernel.linkviews import LinkView
from engine.network.kernel.rtnetlink import Message

_RCVBUF_BYTES: Final = 1 << 20
_MESSAGES_BYTES: Final = 1 << 16
_LINK_GROUP: Final = 1
_LISTING_TRIES: Final = 8
_HINTS: Final = {
    EOPNOTSUPP: "this kernel has no links of that kind",
    # BR_MAX_PORTS of the kernel's net/bridge/br_private.h, of which it leaves out number 0.
    EXFULL: "the network's bridge has 1,023 ports, and can have no more: put containers on several networks",
}


@contextmanager
def opened(*, groups: int = 0) -> Iterator[socket.socket]:
    """A socket of the calling thread's namespace; it stays there whatever the thread does next."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RCVBUF_BYTES)
        kernel.bind((0, groups))
        yield kernel


@contextmanager
def notices() -> Iterator[socket.socket]:
    """A socket that receives a message whenever a link of the calling thread's namespace changes."""
    with opened(groups=_LINK_GROUP) as kernel:
        yield kernel


def exchange(kernel: socket.socket, messages: Sequence[Message], *, tolerate: Container[int] = ()) -> None:
    """Have a batch carried out. Raises `EngineError` for the first that was refused with an errno not in `tolerate`."""
    if not messages:
        return
    kernel.send(rtnetlink.frame(messages))
    missing = len(messages)
    failures: list[tuple[int, int]] = []
    while missing > 0:
        found = rtnetlink.answers(kernel.recv(_MESSAGES_BYTES))
        missing -= len(found)
        failures += [(number, code) for number, code in found if code and code not in tolerate]
    if failures:
        number, code = min(failures)
        raise EngineError(
            f"the kernel refused to {messages[number - 1].about}: {os.strerror(code)}", hint=_HINTS.get(code)
        )


def find(name: str, kernel: socket.socket | None = None) -> LinkView | None:
    """The link of that name in the calling thread's namespace, or in that of a socket."""
    with nullcontext(kernel) if kernel else opened() as asked:
        asked.send(linkviews.question(name))
        answer = linkviews.parse(asked.recv(_MESSAGES_BYTES))
    return answer.links[0] if answer.links else None


def every(master: int = 0) -> list[LinkView]:
    """All links of the calling thread's namespace, or those in the bridge with that index."""
    found: dict[int, LinkView] = {}
    with opened() as kernel:
        for _ in range(_LISTING_TRIES):
            if not _list(kernel, master, found):
                break
    # Kernels before 4.6 do not choose by the bridge.
    return [link for link in found.values() if master in (0, link.master)]


def _list(kernel: socket.socket, master: int, found: dict[int, LinkView]) -> bool:
    """Add all links to those that are `found`; whether some may be missing because others came and went meanwhile."""
    is_torn = False
    kernel.send(linkviews.question_for_all(master))
    while True:
        answer = linkviews.parse(kernel.recv(_MESSAGES_BYTES))
        found |= {link.index: link for link in answer.links}
        is_torn = is_torn or answer.is_torn
        if answer.is_last:
            return is_torn
