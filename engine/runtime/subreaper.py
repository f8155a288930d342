"""The parent of a process that a runtime leaves behind (`runc exec --detach`): it waits for it, and ends as it does.

A runtime that detaches gives the process its pipes or its terminal themselves, and is gone. Only a parent learns how a
process ends; the engine must not be it, or every orphan below the engine were its own (prctl(2),
PR_SET_CHILD_SUBREAPER).

This is a program. It is started for each such process, so it imports next to nothing, and nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGKILL, _SIGPIPE, _SIGXFSZ = 9, 13, 25  # importing `signal` takes as long as all the rest
_LIBC = ctypes.CDLL(None)


def command(pid_file: str, report: str) -> tuple[str, ...]:
    """The words before a runtime's own that have it started below a subreaper.

    The runtime has to write the process's pid to `pid_file`; from there it gets to the file `report` as soon as the
    runtime has left. The subreaper's exit code is the process's (128 + n for signal n), else the runtime's.
    """
    return (sys.executable, "-I", "-S", __file__, pid_file, report)


def main(pid_file: str, report: str, *runtime: str) -> int:
    """Run the runtime, then wait for what it started. Returns the exit code."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    telling = os.open(report, os.O_WRONLY)
    child = os.fork()
    if not child:
        _become(runtime)
    if failure := _end_of(child):
        return failure
    pid = _read(pid_file)
    _let_go_of_stdio()
    try:
        os.write(telling, pid)
    except BrokenPipeError:
        os.close(telling)  # the engine has died; what it started goes on
    return _end_of(int(pid))


def _become(runtime: tuple[str, ...]) -> None:
    """Nothing of Python's may be left to the process: it would not die of a pipe that nobody reads."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    for number in (_SIGPIPE, _SIGXFSZ):
        _LIBC.signal(number, None)
    try:
        os.execv(runtime[0], runtime)
    finally:
        os._exit(127)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 64)
    finally:
        os.close(descriptor)


def _let_go_of_stdio() -> None:
    """Or the engine would not see that the process has closed its ends."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)


def _end_of(wanted: int) -> int:
    """The exit code of a child. Others that end before are orphans of a container that shares the host's processes."""
    while True:
        pid, status = os.wait()
        if pid == wanted:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
