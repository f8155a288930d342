"""Jobs are found by their refs while they go on, and known to have ended for a while."""

from __future__ import annotations

from typing import cast

import anyio
import pytest

from engine.buildkit.control.jobs import JobRequest, Jobs
from engine.buildkit.solving.build import Yard
from engine.buildkit.transport.status import CallFailed

pytestmark = pytest.mark.anyio


def jobs() -> Jobs:
    return Jobs(cast("Yard", None))  # these tests build nothing


async def test_a_job_is_found_while_it_goes_on_and_its_end_is_remembered() -> None:
    found = jobs()
    assert not found.has_ended("one")
    async with found.job(JobRequest("one", "session")) as job:
        assert found.current("one") is job
        assert await found.get("one") is job
        assert not found.has_ended("one")
        with pytest.raises(CallFailed, match="job ID one exists"):
            async with found.job(JobRequest("one", "session")):
                pytest.fail("there must not be two")
    assert found.current("one") is None
    assert found.has_ended("one")


async def test_who_asks_too_early_waits_for_the_job() -> None:
    found, asked = jobs(), anyio.Event()

    async def ask() -> None:
        asked.set()
        assert (await found.get("one")).ref == "one"

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await asked.wait()
            async with found.job(JobRequest("one", "session")):
                await anyio.wait_all_tasks_blocked()


async def test_only_the_last_ends_are_remembered() -> None:
    found = jobs()
    for number in range(65):
        async with found.job(JobRequest(str(number), "session")):
            continue
    assert not found.has_ended("0")
    assert found.has_ended("64")
