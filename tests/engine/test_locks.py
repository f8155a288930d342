"""One lock per name, for as long as somebody needs it."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from engine.locks import KeyedLock

pytestmark = pytest.mark.anyio


async def test_those_with_the_same_name_take_turns() -> None:
    locks = KeyedLock()
    inside: list[str] = []

    async def work(name: str) -> None:
        async with locks("data"):
            inside.append(f"{name} comes")
            await anyio.lowlevel.checkpoint()
            inside.append(f"{name} goes")

    async with anyio.create_task_group() as tasks:
        for name in ("first", "second", "third"):
            tasks.start_soon(work, name)
    assert inside == [f"{name} {what}" for name in ("first", "second", "third") for what in ("comes", "goes")]


async def test_another_name_does_not_wait() -> None:
    locks = KeyedLock()
    async with locks("data"):
        with anyio.fail_after(10):
            async with locks("cache"):
                assert len(locks) == 2


async def test_a_lock_that_nobody_needs_any_more_is_gone() -> None:
    locks = KeyedLock()
    async with locks("data"):
        assert len(locks) == 1
    assert len(locks) == 0
    with pytest.raises(RuntimeError, match="on purpose"):
        async with locks("data"):
            raise RuntimeError("on purpose")
    assert len(locks) == 0


async def test_who_gives_up_waiting_takes_the_lock_from_nobody() -> None:
    locks = KeyedLock()
    async with locks("data"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(locks("data").acquire)
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert locks("data").locked()
    assert not locks("data").locked()
