"""Work that is switched on and off."""

from __future__ import annotations

import anyio
import pytest

from compose.cli.parsing.switches import Switch

pytestmark = pytest.mark.anyio


async def test_work_runs_while_it_is_on_and_tells_of_both() -> None:
    heard: list[bool] = []
    async with anyio.create_task_group() as tasks:
        switch = Switch(tasks, anyio.sleep_forever, "work")
        switch.on_change = lambda: heard.append(switch.is_on)
        await switch.until_off()
        switch.flip()
        assert switch.is_on
        await anyio.wait_all_tasks_blocked()
        switch.flip()
        await switch.until_off()
    assert heard == [True, False]


async def test_work_that_ends_by_itself_switches_it_off() -> None:
    async with anyio.create_task_group() as tasks:
        switch = Switch(tasks, anyio.lowlevel.checkpoint, "work")
        switch.flip()
        await switch.until_off()
        assert not switch.is_on
