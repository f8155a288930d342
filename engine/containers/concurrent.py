"""Doing independent things at the same time, with the error that one of them raised and not a group of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio


async def together(*acts: Callable[[], Awaitable[object]]) -> None:
    """Run all; the first failure cancels the rest and is raised as it is."""
    errors: list[Exception] = []
    async with anyio.create_task_group() as tasks:

        async def guarded(act: Callable[[], Awaitable[object]]) -> None:
            try:
                await act()
            except Exception as exc:  # noqa: BLE001 - raised below, without the group around it
                errors.append(exc)
                tasks.cancel_scope.cancel()

        for act in acts:
            tasks.start_soon(guarded, act)
    if errors:
        raise errors[0]


async def all_of(*acts: Callable[[], Awaitable[object]]) -> list[Exception]:
    """Run all to their end, whatever happens to the others; return what went wrong."""
    errors: list[Exception] = []

    async def guarded(act: Callable[[], Awaitable[object]]) -> None:
        try:
            await act()
        except Exception as exc:  # noqa: BLE001 - the caller looks at them
            errors.append(exc)

    async with anyio.create_task_group() as tasks:
        for act in acts:
            tasks.start_soon(guarded, act)
    return errors


async def each_of(*acts: Callable[[], Awaitable[object]]) -> list[Exception]:
    """Run one after the other to the last, whatever happens to the others; return what went wrong.

    For what is over so soon that a task for each would cost more than it saves.
    """
    errors: list[Exception] = []
    for act in acts:
        try:
            await act()
        except Exception as exc:  # noqa: BLE001 - the caller looks at them
            errors.append(exc)
    return errors
