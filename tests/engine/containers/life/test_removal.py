"""Removing containers while somebody else wants something of them."""

from __future__ import annotations

import contextlib

import anyio
import anyio.lowlevel
import pytest

from engine.errors import Conflict, EngineError, NotFound
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]


async def test_a_restart_that_waits_for_the_end_does_not_bring_a_removed_container_back(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "trap '' TERM; while :; do sleep 1; done", name="web")
    refused: list[EngineError] = []

    async def restart() -> None:
        try:
            await engine.containers.restart("web", timeout_seconds=-1)
        except EngineError as exc:
            refused.append(exc)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(restart)
            await engine.until("kill", container)
            await engine.containers.remove("web", force=True)
    assert [type(error) for error in refused] == [Conflict]
    assert refused[0].message.startswith("Cannot restart container web: ")
    assert engine.actions(container).count("start") == 1
    assert engine.actions(container)[-1] == "destroy"


async def test_a_start_that_has_begun_does_not_save_a_container_from_its_removal(engine: Engine) -> None:
    for turns in range(1, 40, 6):  # of the event loop that the start has before the removal begins
        made = await engine.create("sleep", "1000", name="web")
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_start, engine)
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                await engine.containers.remove("web", force=True)
        assert engine.actions(made)[-1] == "destroy"


async def _start(engine: Engine) -> None:
    with contextlib.suppress(Conflict, NotFound):  # the removal may have come first
        await engine.containers.start("web")
