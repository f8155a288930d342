"""Many clients and many containers at once: the engine goes on answering, and holds nothing more afterwards.

No time is asserted: `pytest -s` prints what was measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import anyio
import pytest

from engine.client import EngineClient
from engine.wire.containers import ContainerCreateRequest
from tests.e2e.kernel import engine_pids
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net, pytest.mark.anyio]

CLIENTS = 200
CREATED = 500
RUNS = 64
AT_ONCE = 16
# Bytes of RSS that 500 records and their listings may cost for good.
GROWTH_BYTES = 60 << 20
SLEEPER = ContainerCreateRequest(image="busybox", cmd=["sleep", "600"])
PASSER = ContainerCreateRequest(image="busybox", cmd=["true"])


class Holdings:
    """What an engine's process has open, and its memory."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self._pid}/fd").iterdir()))

    @property
    def rss_bytes(self) -> int:
        return int(Path(f"/proc/{self._pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def loaded(machine: Machine) -> Machine:
    machine.docker("pull", "-q", "busybox")
    return machine


async def test_the_engine_answers_under_load_and_lets_go_of_everything(loaded: Machine) -> None:
    (pid,) = engine_pids(loaded.paths)
    holdings = Holdings(pid)
    async with EngineClient(loaded.address) as client:
        sleeper = (await client.create_container("sleeper", SLEEPER)).id
        await client.start_container(sleeper)
        # The first of everything stays: caches, modules, threads.
        await run_to_its_end(client, "first")
        await client.aclose()  # what it keeps open for later
        tasks_before = (await client.info()).n_goroutines
        descriptors_before, rss_before = holdings.descriptors, holdings.rss_bytes
        pings: list[float] = []

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ping_for_ever, loaded.address, pings)
            began = time.perf_counter()
            await all_of([partial(client.create_container, f"idle-{number}", PASSER) for number in range(CREATED)])
            created_seconds = time.perf_counter() - began
            async with anyio.create_task_group() as crowd:
                for number in range(CLIENTS):
                    crowd.start_soon(be_a_client, loaded.address, sleeper, number)
                began = time.perf_counter()
                await all_of([partial(run_to_its_end, client, f"run-{number}") for number in range(RUNS)], RUNS)
                runs_seconds = time.perf_counter() - began
                crowd.cancel_scope.cancel()
            tasks.cancel_scope.cancel()

        names = [f"idle-{number}" for number in range(CREATED)]
        await all_of([partial(client.remove_container, name) for name in names])
        await client.remove_container(sleeper, force=True)
        await client.aclose()
        await until_settled(client, holdings, tasks_before, descriptors_before)
        print(report(pings, created_seconds, runs_seconds, rss_before, holdings.rss_bytes))  # noqa: T201 - measured
        assert holdings.rss_bytes - rss_before < GROWTH_BYTES


async def until_settled(client: EngineClient, holdings: Holdings, tasks: int, descriptors: int) -> None:
    """Wait until the engine has noticed that everybody is gone: its own numbers are where they were."""
    found = (0, 0)
    with anyio.move_on_after(60) as patience:
        # What is waited for are ends of connections that nobody tells us about; each question takes its time.
        while (found := ((await client.info()).n_goroutines, holdings.descriptors)) > (tasks, descriptors):
            continue
    assert not patience.cancelled_caught, f"tasks and descriptors: {found}, before {(tasks, descriptors)}"


async def all_of(acts: list[Callable[[], Awaitable[object]]], at_once: int = AT_ONCE) -> None:
    limit = anyio.CapacityLimiter(at_once)

    async def do(act: Callable[[], Awaitable[object]]) -> None:
        async with limit:
            await act()

    async with anyio.create_task_group() as tasks:
        for act in acts:
            tasks.start_soon(do, act)


async def run_to_its_end(client: EngineClient, name: str) -> None:
    """What `docker run --rm IMAGE true` asks for."""
    made = (await client.create_container(name, PASSER)).id
    await client.start_container(made)
    assert await client.wait_container(made) == 0
    await client.remove_container(made)


async def ping_for_ever(address: str, seconds: list[float]) -> None:
    async with EngineClient(address) as client:
        while True:
            began = time.perf_counter()
            assert await client.ping()
            seconds.append(time.perf_counter() - began)
            await anyio.sleep(0.01)


async def be_a_client(address: str, container: str, number: int) -> None:
    """A fifth each pings, lists, inspects, listens to events and follows a log, with a connection of its own."""
    async with EngineClient(address) as client:
        match number % 5:
            case 3:
                async with aclosing(client.events()) as events:
                    async for _ in events:
                        continue
            case 4:
                async with aclosing(client.container_logs(container, tty=False, follow=True)) as lines:
                    async for _ in lines:
                        continue
            case kind:
                while True:
                    if kind == 0:
                        await client.ping()
                    elif kind == 1:
                        await client.list_containers(filters={"name": ["sleeper"]})
                    else:
                        await client.inspect_container(container)
                    await anyio.sleep(0.1)


def report(pings: list[float], created: float, runs: float, rss_before: int, rss_after: int) -> str:
    """The figures in one line each."""
    ordered = sorted(pings)
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    return "\n".join(
        (
            "",
            f"{CREATED} containers created in {created:.1f} s; {RUNS} runs beside {CLIENTS} clients in {runs:.1f} s",
            f"ping: median {middle * 1e3:.1f} ms, p99 {late * 1e3:.1f} ms, worst {ordered[-1] * 1e3:.1f} ms",
            f"engine: {rss_before >> 20} MB before, {rss_after >> 20} MB after",
        )
    )
