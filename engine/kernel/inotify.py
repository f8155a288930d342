"""inotify(7): told by the kernel when files change."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.kernel.libc import call

MODIFY: Final = 0x00000002
MOVED_TO: Final = 0x00000080
CREATE: Final = 0x00000100
IGNORED: Final = 0x00008000
ONESHOT: Final = 0x80000000

_HEAD: Final = struct.Struct("=iIII")
_READ_BYTES: Final = 1 << 16


class Inotify:
    """One inotify instance. `descriptor` is readable when there are events; it never blocks."""

    def __init__(self) -> None:
        self.descriptor = call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)

    def add(self, path: Path, mask: int) -> int:
        """Watch a file or directory; the same one again gives the same number, with the new mask. Raises `OSError`."""
        return call("inotify_add_watch", self.descriptor, os.fsencode(path), mask, path=str(path))

    def remove(self, number: int) -> None:
        """Watch no more. Raises `OSError` if the kernel forgot the watch already."""
        call("inotify_rm_watch", self.descriptor, number)

    def read(self) -> Iterator[tuple[int, int]]:
        """The events that are there, each as a watch's number and a mask."""
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        position = 0
        while position < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, position)
            position += _HEAD.size + length
            yield number, mask

    def close(self) -> None:
        """Forget everything."""
        os.close(self.descriptor)
