"""A bridge on its way out, and the links of containers that go with their namespaces. Everything here blocks.

A namespace that was let go of takes its links along a little later, many at once, so a bridge does not wait for that.
Whoever asks the kernel for a link waits for all who went before, so as little as possible is asked.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Final

from engine.network.kernel import linkviews, netlink, route_socket
from engine.network.kernel.linkviews import LinkView
from engine.network.kernel.netdevice import glance

# What every engine's veths are called on the host's side.
_VETHS: Final = "pcv"
_GONE_SECONDS: Final = 2.0
_NOTICES_BYTES: Final = 1 << 16


def delete_bridge(name: str) -> dict[int, LinkView]:
    """Remove a bridge; a missing one is fine. Returns the veths that were in it, by index, for `see_off`: most of them
    go by themselves. What somebody else has put into it only loses it.
    """
    bridge = glance(name)
    if bridge is None:
        return {}
    veths = {link.index: link for link in route_socket.every(bridge.index) if link.name.startswith(_VETHS)}
    netlink.delete_links([name])
    return veths


def see_off(links: Mapping[int, LinkView]) -> None:
    """Wait (bounded) until links are gone, and remove those that somebody keeps."""
    if left := lasting(links):
        netlink.delete_links([link.name for link in left.values()])


def lasting(links: Mapping[int, LinkView]) -> dict[int, LinkView]:
    """Those of some links, by index, that are still there when others have gone (bounded)."""
    with route_socket.notices() as notices:
        left = _still_there(links)
        _await_gone(notices, left)
    return left


def _still_there(links: Mapping[int, LinkView]) -> dict[int, LinkView]:
    there = {link.index for link in route_socket.every()} if links else set()
    return {index: link for index, link in links.items() if index in there}


def _await_gone(notices: socket.socket, links: dict[int, LinkView]) -> None:
    """Wait (bounded) until links are gone, and take them out of `links`."""
    deadline = time.monotonic() + _GONE_SECONDS
    while links and (left := deadline - time.monotonic()) > 0:
        notices.settimeout(left)
        try:
            gone = linkviews.removed(notices.recv(_NOTICES_BYTES))
        except OSError:  # too many for the buffer, or none in time: what there is counts
            gone = links.keys() - _still_there(links).keys()
        for index in gone:
            links.pop(index, None)
