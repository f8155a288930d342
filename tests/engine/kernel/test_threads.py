"""A few threads for brief work: in order, with errors and cancellation as of any call."""

from __future__ import annotations

import os
import threading

import anyio
import pytest

from engine.kernel.threads import Crew, brief

pytestmark = pytest.mark.anyio


async def test_a_call_is_made_on_another_thread_and_its_answer_comes_back() -> None:
    def act(number: int, word: str) -> tuple[int, str, bool]:
        return number, word, threading.current_thread() is threading.main_thread()

    assert await brief(act, 7, "seven") == (7, "seven", False)


async def test_what_a_call_raises_is_raised_to_the_one_who_asked_for_it() -> None:
    with pytest.raises(FileNotFoundError, match="nothing here"):
        await brief(_refuse)
    assert await brief(int, "1") == 1


async def test_one_thread_does_what_it_was_asked_for_in_that_order() -> None:
    crew = Crew("single", 1)
    done: list[int] = []
    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(crew.run, done.append, number)
    assert done == list(range(100))


async def test_no_more_calls_are_made_at_the_same_time_than_there_are_threads() -> None:
    crew = Crew("pair", 2)
    together = threading.Barrier(2)
    seen: set[int] = set()

    def act() -> None:
        together.wait(timeout=60)  # only two can meet here
        seen.add(threading.get_ident())

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(crew.run, act)
    assert len(seen) == 2


async def test_cancelled_it_waits_for_the_end_of_what_has_begun() -> None:
    crew = Crew("single", 1)
    begun, may_end, ended = anyio.Event(), threading.Event(), threading.Event()
    loop_is_told = threading.Event()

    def act() -> None:
        loop_is_told.set()
        may_end.wait(timeout=60)
        ended.set()

    async def ask() -> None:
        begun.set()
        await crew.run(act)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await begun.wait()
        await anyio.to_thread.run_sync(loop_is_told.wait, 60)
        tasks.cancel_scope.cancel()
        assert not ended.is_set()
        may_end.set()
    assert ended.is_set()


async def test_who_is_cancelled_already_asks_for_nothing() -> None:
    done: list[int] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await brief(done.append, 1)
    assert done == []


def test_one_loop_after_another_is_served() -> None:
    assert [anyio.run(brief, int, word) for word in ("1", "2", "3")] == [1, 2, 3]


def test_a_fork_of_the_process_has_threads_of_its_own() -> None:
    assert anyio.run(brief, int, "1") == 1
    child = os.fork()
    if child == 0:
        os._exit(anyio.run(brief, int, "7"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def _refuse() -> None:
    raise FileNotFoundError("nothing here")
