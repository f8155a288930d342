"""A bridge on its way out, and the links of containers that go at the same time. Everything here blocks.

A namespace that was let go of takes its links along a little later, many at once. Its bridge need not wait for that:
both take the kernel some tens of milliseconds, nearly all of it waiting for its readers, and can do so side by side.
Whoever asks the kernel for a link waits for all who went before, so as little as possible is asked.
"""

from __future__ import annotations

import socket
import time
from typing import Final

from engine.network.kernel import linkviews, netlink, route_socket
from engine.network.kernel.linkviews import LinkView
from engine.network.kernel.netdevice import glance

# What every engine's veths are called on the host's side.
_VETHS: Final = "pcv"
_GONE_SECONDS: Final = 2.0
_NOTICES_BYTES: Final = 1 << 16


def delete_bridge(name: str) -> None:
    """Remove a bridge and the veths in it, most of which go by themselves; a missing one is fine. What somebody else
    has put into it only loses it.
    """
    with route_socket.notices() as notices:
        bridge = glance(name)
        if bridge is None:
            return
        veths = {link.index: link for link in route_socket.every(bridge.index) if link.name.startswith(_VETHS)}
        netlink.delete_links([name])
        _await_gone(notices, veths)
    if veths:
        netlink.delete_links([link.name for link in veths.values()])


def _await_gone(notices: socket.socket, links: dict[int, LinkView]) -> None:
    """Wait (bounded) until links are gone, and take them out of `links`."""
    deadline = time.monotonic() + _GONE_SECONDS
    while links and (left := deadline - time.monotonic()) > 0:
        notices.settimeout(left)
        try:
            gone = linkviews.removed(notices.recv(_NOTICES_BYTES))
        except OSError:  # too many for the buffer, or none in time: what there is counts
            gone = links.keys() - {link.index for link in route_socket.every()}
        for index in gone:
            links.pop(index, None)
