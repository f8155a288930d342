"""Child processes: run one to its end, find a tool, wait for any process by its pidfd.

A child never outlives its caller's interest: cancelled, it gets SIGTERM, a grace period, then SIGKILL, and is reaped.
"""

from __future__ import annotations

import functools
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
from msgspec import Struct

from engine.errors import Unavailable

GRACE_SECONDS = 2.0
_CHUNK = 1 << 16
_PACKAGES = {
    "crun": "crun",
    "conmon": "conmon",
    "runc": "runc",
    "nft": "nftables",
    "newuidmap": "uidmap",
    "nsenter": "util-linux",
    "ps": "procps",
}
_PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Completed(Struct, frozen=True):
    """How a child ended; `returncode` is negative for a signal, as in `subprocess`."""

    returncode: int
    stdout: bytes
    stderr: bytes


@functools.cache
def find_tool(name: str) -> Path:
    """Where a program is, by PATH and the usual places. Raises `Unavailable` naming the package to install."""
    found = shutil.which(name) or shutil.which(name, path=_PLACES)
    if found is None:
        package = _PACKAGES.get(name, name)
        raise Unavailable(f"{name} was not found", hint=f"apt-get install {package}")
    return Path(found)


async def run(
    argv: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Completed:
    """Run a program to its end and collect what it wrote. A non-zero end is no error here.

    Cancelled: SIGTERM, `GRACE_SECONDS`, SIGKILL; the child is reaped before this returns.
    """
    child = await anyio.to_thread.run_sync(functools.partial(_start, argv, env, cwd))
    pidfd = os.pidfd_open(child.pid)
    try:
        return await _communicate(child, pidfd, stdin)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await _end(child, pidfd)
        raise
    finally:
        os.close(pidfd)
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None:
                stream.close()


async def wait_pidfd(pidfd: int) -> None:
    """Return once the process behind a pidfd has ended, whoever its parent is. Does not reap it.

    Several waiters may share one descriptor: each watches a duplicate of its own.
    """
    watched = os.dup(pidfd)
    try:
        await anyio.wait_readable(watched)
    finally:
        os.close(watched)


async def wait_any(*descriptors: int) -> None:
    """Return once one of several descriptors is readable (or has hung up)."""
    if len(descriptors) == 1:
        await wait_pidfd(descriptors[0])
        return
    with select.epoll() as group:
        for descriptor in descriptors:
            group.register(descriptor, select.EPOLLIN)
        await anyio.wait_readable(group.fileno())


def _start(argv: Sequence[str | Path], env: Mapping[str, str] | None, cwd: Path | None) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [os.fspath(word) for word in argv], stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=cwd, bufsize=0
    )


async def _communicate(child: subprocess.Popen[bytes], pidfd: int, stdin: bytes) -> Completed:
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    stdout = bytearray()
    stderr = bytearray()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_feed, child.stdin.fileno(), stdin, child.stdin.close)
        tasks.start_soon(_drain, child.stdout.fileno(), stdout)
        tasks.start_soon(_drain, child.stderr.fileno(), stderr)
    await wait_pidfd(pidfd)
    return Completed(child.wait(), bytes(stdout), bytes(stderr))


async def _feed(descriptor: int, content: bytes, close: object) -> None:
    os.set_blocking(descriptor, False)
    view = memoryview(content)
    try:
        while view:
            try:
                view = view[os.write(descriptor, view[:_CHUNK]) :]
            except BlockingIOError:
                await anyio.wait_writable(descriptor)
    except BrokenPipeError:
        # The child does not want its input: its exit code says whether that is a failure.
        return
    finally:
        assert callable(close)
        close()


async def _drain(descriptor: int, into: bytearray) -> None:
    os.set_blocking(descriptor, False)
    while True:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            await anyio.wait_readable(descriptor)
            continue
        if not chunk:
            return
        into += chunk


async def _end(child: subprocess.Popen[bytes], pidfd: int) -> None:
    if child.poll() is not None:
        return
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    with anyio.move_on_after(GRACE_SECONDS):
        await wait_pidfd(pidfd)
    if child.poll() is None:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        await wait_pidfd(pidfd)
    child.wait()
