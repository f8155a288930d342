"""The sockets of this host's network namespace, and who has them (proc(5))."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
_BOUND: Final = "07"  # what UDP calls a socket that is not connected


def owner_of(protocol: str, port: int) -> str | None:
    """The program that listens on a host port, as `nginx (pid 123)`. Blocks: it reads all of /proc."""
    inodes = {inode for inode, _state in sockets_on(protocol, port, {_LISTENING, _BOUND})}
    for process in _PROC.iterdir() if inodes else ():
        # Processes end while we look, and have names that are no numbers if they are none.
        with contextlib.suppress(OSError):
            if process.name.isdigit() and any(_inode(item) in inodes for item in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return None


def sockets_on(protocol: str, port: int, states: set[str] | None) -> Iterator[tuple[str, str]]:
    """(inode, state) of the host's sockets on a local port (proc(5), /proc/net/tcp)."""
    for name in (protocol, f"{protocol}6"):
        with contextlib.suppress(FileNotFoundError), (_PROC / "net" / name).open() as table:
            next(table, None)
            for line in table:
                columns = line.split()
                if int(columns[1].rpartition(":")[2], 16) == port and (states is None or columns[3] in states):
                    yield columns[9], columns[3]


def _inode(descriptor: Path) -> str:
    try:
        target = str(descriptor.readlink())
    except OSError:
        return ""
    return target[8:-1] if target.startswith("socket:[") else ""
