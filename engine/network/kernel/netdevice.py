"""Links looked at without the lock that everybody holds who makes or removes one (netdevice(7)).

rtnetlink answers the same under that lock: while fifty containers get their links, a question takes milliseconds.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from typing import Final

from engine.network.kernel.linkviews import LinkView

_SIOCGIFINDEX: Final = 0x8933
_SIOCGIFMTU: Final = 0x8921
_NAME_BYTES: Final = 15


def glance(name: str) -> LinkView | None:
    """The number and MTU of a link of the calling thread's namespace. Takes microseconds."""
    encoded = name.encode()
    if len(encoded) > _NAME_BYTES:
        return None
    request = struct.pack("16s24x", encoded)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as kernel:
        try:
            index, mtu = (_number(fcntl.ioctl(kernel, asked, request)) for asked in (_SIOCGIFINDEX, _SIOCGIFMTU))
        except OSError:  # there is none of that name, or it has just gone
            return None
    return LinkView(index, name, mtu)


def _number(answer: bytes) -> int:
    number: int = struct.unpack_from("=i", answer, 16)[0]
    return number
