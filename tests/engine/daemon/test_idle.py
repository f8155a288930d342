"""An idle engine ends itself; a busy one never does."""

from __future__ import annotations

from itertools import count

import anyio
import pytest

from engine.daemon.idle import IdleWatch


@pytest.mark.anyio
async def test_an_engine_without_use_is_done_after_its_time() -> None:
    with anyio.fail_after(60):
        await IdleWatch(lambda: False, idle_seconds=0.01).wait()


@pytest.mark.anyio
async def test_a_busy_engine_waits_until_it_was_told_that_the_work_ended() -> None:
    busy = True
    watch = IdleWatch(lambda: busy, idle_seconds=0)
    ended = anyio.Event()

    async def wait() -> None:
        await watch.wait()
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        watch.touch()
        await anyio.wait_all_tasks_blocked()
        assert not ended.is_set()
        busy = False
        watch.touch()
        with anyio.fail_after(60):
            await ended.wait()


@pytest.mark.anyio
async def test_an_engine_that_got_busy_while_it_was_idle_stays() -> None:
    busy = True
    waits_again, ended = anyio.Event(), anyio.Event()
    questions = count()

    def is_busy() -> bool:
        number = next(questions)
        if number == 2:  # after the first one, and that at the end of its time
            waits_again.set()
        return busy and number > 0

    watch = IdleWatch(is_busy, idle_seconds=0)

    async def wait() -> None:
        await watch.wait()
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        with anyio.fail_after(60):
            await waits_again.wait()
        assert not ended.is_set()
        busy = False
        watch.touch()
        with anyio.fail_after(60):
            await ended.wait()
