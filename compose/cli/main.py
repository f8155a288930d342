"""The entry point. Asking for the version is answered before anything heavy is imported."""

from __future__ import annotations

import gc
import sys

import pycompose

_VERSION_FLAGS = (["--version"], ["-v"], ["version"])
# Objects made between two collections. A load makes many and drops few: with Python's 700 a quarter of it is spent
# looking for cycles that are not there.
_GARBAGE_THRESHOLD = 20_000


def main(*, prog_name: str) -> None:
    """Run the command line of `sys.argv` and exit with its code."""
    arguments = sys.argv[1:]
    if arguments in _VERSION_FLAGS:
        print(f"{prog_name} version v{pycompose.__version__}")
        return
    gc.set_threshold(_GARBAGE_THRESHOLD)
    from compose.cli.run_group import run

    sys.exit(run(prog_name, arguments))
