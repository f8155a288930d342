"""Threads as many as the settings say."""

from __future__ import annotations

import threading

from engine.images.transfer.workers import Workers


def busy_at_once(workers: Workers, wanted: int) -> bool:
    """Whether as many pieces of work as `wanted` are done at the same time."""
    together = threading.Barrier(wanted + 1)
    for _ in range(wanted):
        workers.submit(lambda: together.wait(60))
    together.wait(60)
    return not together.broken


def test_another_number_counts_for_what_comes_then() -> None:
    most = 1
    workers = Workers("test", lambda: most)
    release, order = threading.Event(), []
    workers.submit(lambda: order.append(release.wait(60)))
    most = 3
    assert workers.most == 3
    assert busy_at_once(workers, 3)
    assert order == []
    release.set()


def test_no_more_work_than_allowed_is_done_at_once() -> None:
    workers = Workers("test", lambda: 1)
    first, second = threading.Event(), threading.Event()
    is_alone: list[bool] = []
    workers.submit(lambda: first.wait(60))

    def look() -> None:
        is_alone.append(first.is_set())
        second.set()

    workers.submit(look)
    first.set()
    assert second.wait(60)
    assert is_alone == [True]
