"""Several calls at once, with one plain error when one of them fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


async def all_of(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run the calls concurrently; their results in order. The first failure cancels the others and is raised alone."""
    import anyio  # not for those who want `unwrapped` only

    results: dict[int, T] = {}

    async def run(index: int) -> None:
        results[index] = await calls[index]()

    with unwrapped():
        async with anyio.create_task_group() as tasks:
            for index in range(len(calls)):
                tasks.start_soon(run, index)
    return [results[index] for index in range(len(calls))]


@contextmanager
def unwrapped() -> Iterator[None]:
    """Raise the first failure of a task group by itself: its cancelled siblings have nothing to add."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise _first(group) from group.__cause__


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
