"""How many files may be open: as many as the kernel lets the engine have, and what containers get instead.

The engine holds five descriptors for every running container. Programs that go through all possible descriptors when
they start are slow where there are many, so containers begin with the limit that the engine itself was given.
"""

from __future__ import annotations

import resource

_given: tuple[int, int] | None = None


def raise_open_files() -> None:
    """Allow this process what its hard limit allows (getrlimit(2))."""
    global _given
    given = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = given
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        _given = given


def given_open_files() -> tuple[int, int] | None:
    """The soft and the hard limit before they were raised; None if they were not."""
    return _given
