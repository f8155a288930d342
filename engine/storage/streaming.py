"""One thread that writes and one that reads, with a pipe between them: memory stays bounded whatever the sizes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from engine.storage.compression import Read

P = TypeVar("P")
C = TypeVar("C")
Write = Callable[[bytes], object]

_PIPE_BYTES: Final = 1 << 20


def piped(produce: Callable[[Write], P], consume: Callable[[Read], C]) -> tuple[P, C]:
    """Run `produce` on a thread of its own and feed what it writes to `consume`; return the results of both.

    Blocks. Raises the producer's error, else the consumer's; when the one fails, the other ends, too.
    """
    readable, writable = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # more than the system allows us: slower, but as right
        fcntl.fcntl(writable, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    results: list[P] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(produce(lambda data: write_all(writable, data)))
        except BaseException as exc:  # noqa: BLE001 - raised again on the caller's thread, below
            errors.append(exc)
        finally:
            os.close(writable)

    thread = threading.Thread(target=run, name="produce")
    thread.start()
    try:
        consumed = consume(lambda size: os.read(readable, size))
    except BaseException:
        os.close(readable)  # before the join: the producer may wait for room in the pipe
        thread.join()
        if errors and not isinstance(errors[0], BrokenPipeError):
            raise errors[0] from None
        raise
    os.close(readable)
    thread.join()
    if errors:
        raise errors[0]
    return results[0], consumed


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
