"""Removing containers while somebody else wants something of them."""

from __future__ import annotations

import anyio
import pytest

from engine.errors import Conflict, EngineError
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

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(restart)
            await engine.until("kill", container)
            await engine.containers.remove("web", force=True)
    assert [type(error) for error in refused] == [Conflict]
    assert refused[0].message.startswith("Cannot restart container web: ")
    assert engine.actions(container).count("start") == 1
    assert engine.actions(container)[-1] == "destroy"
