"""Ctrl-C and SIGTERM while the program waits: the first asks, the second insists."""

from __future__ import annotations

import signal
from collections.abc import Callable

import anyio
import anyio.abc


async def on_interrupts(
    actions: tuple[Callable[[], None], ...], *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Run the first action at the first signal, the second at the second; later ones repeat the last."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        task_status.started()
        count = 0
        async for _ in received:
            actions[min(count, len(actions) - 1)]()
            count += 1
