"""Many running containers through the end of one engine and the beginning of the next, and to their own end."""

from __future__ import annotations

import os
import select
import signal
from contextlib import ExitStack, aclosing
from functools import partial

import pytest

from engine.client import EngineClient
from engine.wire.containers import ContainerCreateRequest
from tests.e2e.kernel import engine_pids, without_engine
from tests.e2e.machine import Machine
from tests.e2e.test_load import Holdings, all_of

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]

CROWD = 200
OBEDIENT = ContainerCreateRequest(image="busybox", cmd=["sh", "-c", "trap 'exit 7' TERM; echo ready; sleep 600 & wait"])
# Bytes of RSS with all of them running.
ROOM = 100 << 20


async def test_two_hundred_containers_outlive_the_engine_and_leave_nothing(machine: Machine) -> None:
    machine.start_engine()
    machine.docker("pull", "-q", "busybox")
    before = without_engine(machine.kernel())
    async with EngineClient(machine.address) as client:
        await all_of([partial(run, client, f"crowd-{number}") for number in range(CROWD)])
        pids = await pids_of(client)
    assert len(pids) == CROWD
    (engine,) = engine_pids(machine.paths)
    assert Holdings(engine).rss_bytes < ROOM

    with ExitStack() as opened:
        # Not by their numbers, which are others' some time after their ends.
        processes = [os.pidfd_open(pid) for pid in pids.values()]
        for process in processes:
            opened.callback(os.close, process)
        machine.end_engine(signal.SIGTERM)
        assert count_ended(processes) == 0
        machine.start_engine()
        async with EngineClient(machine.address) as client:
            assert await pids_of(client) == pids
            await all_of([partial(end, client, name) for name in pids])
            assert await client.list_containers(everything=True) == []
        assert without_engine(machine.kernel()) == before
        assert count_ended(processes) == CROWD


async def run(client: EngineClient, name: str) -> None:
    """Have a container running that ends when it is told to."""
    await client.create_container(name, OBEDIENT)
    await client.start_container(name)
    async with aclosing(client.container_logs(name, tty=False, follow=True)) as lines:
        await anext(lines)  # it has heard what to do when


async def end(client: EngineClient, name: str) -> None:
    """Stop one by the word, and remove it."""
    await client.stop_container(name)
    assert (await client.inspect_container(name)).state.exit_code == 7
    await client.remove_container(name)


async def pids_of(client: EngineClient) -> dict[str, int]:
    """The first process of each container, by the container's id; all of them run."""
    found: dict[str, int] = {}

    async def look(identity: str) -> None:
        state = (await client.inspect_container(identity)).state
        assert state.running
        found[identity] = state.pid

    await all_of([partial(look, each.id) for each in await client.list_containers(everything=True)])
    return dict(sorted(found.items()))


def count_ended(processes: list[int]) -> int:
    """How many of the processes behind pidfds have ended."""
    ended, _, _ = select.select(processes, [], [], 0)
    return len(ended)
