"""What clients ask of builds by their refs, whenever they ask."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import anyio
import pytest

from engine.builder.service import Builder
from engine.buildkit.control.control import Control
from engine.buildkit.control.jobs import JobRequest, Jobs
from engine.buildkit.messages.control_pb2 import StatusRequest, StatusResponse, WorkerRecord
from engine.buildkit.session.sessions import Sessions
from engine.buildkit.solving.build import Yard
from engine.buildkit.transport.calls import Client
from tests.engine.buildkit.wires import connected

pytestmark = pytest.mark.anyio


async def progress(client: Client, ref: str, begun: anyio.Event) -> list[str]:
    """The names of the steps that a client is told of, until it is told no more; `begun` with the first."""
    found: list[str] = []
    async with client.call("/moby.buildkit.v1.Control/Status") as call:
        await call.send(StatusRequest(ref=ref))
        await call.send_eof()
        while True:
            try:
                message = await call.receive(StatusResponse)
            except anyio.EndOfStream:
                return found
            begun.set()
            found += [step.name for step in message.vertexes]


async def test_the_progress_of_a_build_ends_with_it_and_at_once_for_who_asks_late(tmp_path: Path) -> None:
    jobs = Jobs(cast("Yard", None))  # this test builds nothing
    builder = cast("Builder", SimpleNamespace(root=tmp_path))
    control = Control(jobs, Sessions(), builder, WorkerRecord)
    begun = anyio.Event()
    with anyio.fail_after(60):
        async with connected(control.handlers()) as (client, _), anyio.create_task_group() as tasks:

            async def follow() -> None:
                assert await progress(client, "one", begun) == ["step", "step"]

            async with jobs.job(JobRequest("one", "session")) as job, job.board.doing("step"):
                tasks.start_soon(follow)
                await begun.wait()
            assert await progress(client, "one", begun) == []
