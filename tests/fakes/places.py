"""Directories of engines that do not meet. An engine's kernel objects carry four digits made of its directory's path:
one pair of engines in 65,536 has the same, and a suite has thousands of pairs that run at the same time.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.state.paths import Paths

# Where tests put an engine's state below a directory of theirs.
_ROOTS: Final = ("state", "root")
_numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
_used: set[str] = set()


def apart(parent: Path, name: str) -> Path:
    """Make a directory, `name` with a number, below which an engine has digits that no other engine of this run has:
    those of one test process are all different, and test processes share them out.
    """
    own, processes = _share()
    for number in _numbers[f"{parent}/{name}"]:
        place = parent / f"{name}{number}"
        tags = {Paths(place / root, place).tag for root in _ROOTS}
        if not tags & _used and all(int(tag, 16) % processes == own for tag in tags):
            place.mkdir(mode=0o700)
            _used.update(tags)
            return place
    raise AssertionError("numbers do not end")


def _share() -> tuple[int, int]:
    # As pytest-xdist tells its workers; without it there is one process.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    return int(worker.removeprefix("gw")), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
