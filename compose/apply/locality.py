"""Whether an engine sees the same files and ports as we do: only then can they be looked at from here."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Literal

_UNIX = "unix://"
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid (socket(7) and unix(7), SO_PEERCRED)
_TIMEOUT_SECONDS = 2.0


def shares(address: str, kind: Literal["mnt", "net"]) -> bool:
    """Whether the program behind a socket is in our namespace of that kind. Blocks. False where nobody can tell."""
    if not address.startswith(_UNIX):
        return False
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_SECONDS)
            connection.connect(address.removeprefix(_UNIX))
            found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, _, _ = _CREDENTIALS.unpack(found)
        return _namespace(str(pid), kind) == _namespace("self", kind)
    except OSError:
        return False  # of another user, in another tree of processes, or gone


def _namespace(process: str, kind: str) -> str:
    return str(Path("/proc", process, "ns", kind).readlink())
