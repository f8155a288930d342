"""Signals that arrive while a task waits for them."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import anyio
import anyio.abc


async def on_interrupts(
    actions: tuple[Callable[[], None], ...], *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Run the first action at the first Ctrl-C or SIGTERM, the second at the second; later ones repeat the last."""
    with received(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        count = 0
        async for _ in signals:
            actions[min(count, len(actions) - 1)]()
            count += 1


@contextmanager
def received(*signals: signal.Signals) -> Iterator[AsyncIterator[signal.Signals]]:
    """These as they come, instead of what they do before and after the block."""
    former = {number: signal.getsignal(number) for number in signals}
    try:
        with anyio.open_signal_receiver(*signals) as receiver:
            yield receiver
    finally:
        # anyio gives them back to Python, which would let the next one end us with nothing tidied.
        for number, handler in former.items():
            signal.signal(number, handler)
