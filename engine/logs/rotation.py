"""Keeping a container's log small (`max-size`, `max-file`, `compress`): full files are set aside, old ones deleted.

conmon begins a new file when it is told to, between two lines, so nothing is lost or written twice. It is told when
somebody notices that the file is full: a container that writes fast fills a file a little more than its size.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from msgspec import Struct

from engine.errors import EngineError
from engine.logs.files import LogFiles, pack
from engine.logs.watch import LogWatch

log = logging.getLogger(__name__)

# How fast a log may grow, to look at it less often while it is far from full.
_BYTES_PER_SECOND: Final = 100e6
_LONGEST_PAUSE_SECONDS: Final = 0.05


class Retention(Struct, frozen=True):
    """What is kept of a log: `files` of about `size_bytes` each, of which all but the newest may be compressed."""

    size_bytes: int
    files: int = 1
    is_compressed: bool = False


async def keep_small(files: LogFiles, retention: Retention, watch: LogWatch, reopen: Callable[[], None]) -> None:
    """Rotate a log whenever it is full, until cancelled or until its container has ended.

    `reopen` tells the monitor to begin a new file; it raises `EngineError` if there is no monitor any more.
    """
    files.keep = retention.files
    try:
        while True:
            missing = retention.size_bytes - files.path.stat().st_size
            if missing <= 0:
                await _rotate(files, retention, watch, reopen)
                continue
            await watch.written(files.path)
            await anyio.sleep(min(missing / _BYTES_PER_SECOND, _LONGEST_PAUSE_SECONDS))
    except (EngineError, FileNotFoundError) as exc:
        log.debug("the log %s is no longer rotated: %s", files.path, exc)


async def _rotate(files: LogFiles, retention: Retention, watch: LogWatch, reopen: Callable[[], None]) -> None:
    number = files.current
    with watch.place(files.path.parent) as bell:
        if not files.settle():
            if files.set_aside():
                _tell(files, reopen)
            # A reader may be the one who notices.
            while files.current == number and not files.settle():
                await bell.wait()
    if retention.is_compressed and retention.files > 1:
        await anyio.to_thread.run_sync(partial(pack, files.place(number)))
    files.prune()


def _tell(files: LogFiles, reopen: Callable[[], None]) -> None:
    try:
        reopen()
    except BaseException:
        files.place(files.current).unlink()
        raise
