"""Tidying up a little later."""

from __future__ import annotations

import anyio
import pytest

from engine.errors import EngineError
from engine.network.lingering import Lingering

pytestmark = pytest.mark.anyio


class Tidying:
    """Counts how often it is done, and tells those who wait for it."""

    def __init__(self) -> None:
        self.count = 0
        self.done = anyio.Event()
        self.fails = False

    async def __call__(self) -> None:
        self.count += 1
        self.done.set()
        if self.fails:
            raise EngineError("busy")


async def test_where_nothing_lingers_it_is_done_at_once() -> None:
    tidying = Tidying()
    await Lingering(tidying, 0.0).ask()
    assert tidying.count == 1


async def test_what_was_asked_for_several_times_is_done_once_a_while_after_the_last() -> None:
    tidying = Tidying()
    lingering = Lingering(tidying, 0.01)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lingering.run)
        await anyio.wait_all_tasks_blocked()
        for _ in range(3):
            await lingering.ask()
        assert tidying.count == 0
        await tidying.done.wait()
        await anyio.wait_all_tasks_blocked()
        assert tidying.count == 1
        tasks.cancel_scope.cancel()


async def test_at_the_end_it_is_done_however_little_time_has_passed() -> None:
    tidying = Tidying()
    lingering = Lingering(tidying, 3600.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lingering.run)
        await anyio.wait_all_tasks_blocked()
        await lingering.ask()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert tidying.count == 1
    await lingering.ask()  # from who is still letting go of its things
    assert tidying.count == 2


async def test_a_failure_does_not_end_it() -> None:
    tidying = Tidying()
    tidying.fails = True
    lingering = Lingering(tidying, 0.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lingering.run)
        await anyio.wait_all_tasks_blocked()
        for count in (1, 2):
            tidying.done = anyio.Event()
            await lingering.ask()
            await tidying.done.wait()
            assert tidying.count == count
            await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
