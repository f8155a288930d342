"""The entry point. Asking for the version is answered before anything heavy is imported."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

import pycompose

_VERSION_FLAGS = (["--version"], ["-v"], ["version"])
# Objects made between two collections. Imports and loads make many and drop few: with Python's 700 a quarter of the
# time is spent looking for cycles that are not there.
_GARBAGE_THRESHOLD = 200_000


def main(*, prog_name: str) -> None:
    """Run the command line of `sys.argv` and exit with its code."""
    arguments = sys.argv[1:]
    if arguments in _VERSION_FLAGS and _is_written(f"{prog_name} version v{pycompose.__version__}\n"):
        _leave(0)
    gc.set_threshold(_GARBAGE_THRESHOLD)
    from compose.cli.run_group import INTERRUPTED, run
    from compose.cli.signals import ending_alike, leave_at_once

    with ending_alike():  # in all of it, also while the first one is being answered
        try:
            code = run(prog_name, arguments)
            leave_at_once(code)
        except KeyboardInterrupt:
            code = INTERRUPTED
            leave_at_once(code)
        _leave(code)


def _is_written(text: str) -> bool:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        return False  # the long way fails as well, and tells it
    return True


def _leave(code: int) -> NoReturn:
    """End the process at once. Python would take its modules apart first, a fifth of the time of a short command."""
    atexit._run_exitfuncs()  # what Python itself calls
    with suppress(OSError):
        sys.stderr.flush()
    try:
        sys.stdout.flush()  # of a command that failed, what it had printed before
    except OSError:
        code = code or 1
    os._exit(code)
