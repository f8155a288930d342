"""Following the output of containers of an engine in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from compose.apply.follow import Follower, Lines, LogOptions, print_logs, short_name
from compose.apply.looking.observe import observe, observe_containers
from compose.errors import EngineUnavailable
from compose.plan.telling.progress import Ended, Output
from engine.client import EngineUnreachable
from engine.wire.system import EventMessage
from tests.fakes.driving import make_engine, up
from tests.fakes.engine import FakeEngine
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio
PROJECT = make_project(make_service("web"), make_service("db"))


def follower(engine: FakeEngine, heard: list[Output | Ended], tail: str = "all") -> Follower:
    return Follower(engine.client, "app", emit=heard.append, wanted=lambda service: True, options=LogOptions(tail=tail))


async def test_what_is_written_is_heard_line_by_line_until_all_have_ended() -> None:
    engine = make_engine()
    await up(engine, PROJECT)
    heard: list[Output | Ended] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follower(engine, heard).until_over, (await observe(engine.client, "app")).containers)
        await anyio.wait_all_tasks_blocked()
        engine.write("app-web-1", b"one\ntw")
        engine.write("app-web-1", b"o\nno end")
        engine.write("app-db-1", b"oops\n", stream=2)
        await anyio.wait_all_tasks_blocked()
        engine.exit("app-web-1", 0)
        engine.exit("app-db-1", 7)
    assert [item for item in heard if item.source == "web-1"] == [
        Output("web-1", 1, (b"one",)),
        Output("web-1", 1, (b"two",)),
        Output("web-1", 1, (b"no end",)),
        Ended("web-1", 0),
    ]
    assert [item for item in heard if item.source == "db-1"] == [Output("db-1", 2, (b"oops",)), Ended("db-1", 7)]


async def test_containers_that_start_later_are_followed_too() -> None:
    engine = make_engine()
    heard: list[Output | Ended] = []
    watcher = follower(engine, heard, tail="0")
    async with anyio.create_task_group() as tasks:
        await tasks.start(watcher.run, [])
        await up(engine, PROJECT)
        await watcher.until_noticed(engine.containers)
        engine.write("app-web-1", b"hello\n")
        await anyio.wait_all_tasks_blocked()
        assert heard == [Output("web-1", 1, (b"hello",))]
        engine.exit("app-web-1", 0)
        engine.exit("app-db-1", 3)
        await watcher.until_idle()
        tasks.cancel_scope.cancel()
    assert watcher.exit_codes == {"web": 0, "db": 3}


@pytest.mark.parametrize(("code", "is_an_end"), [(0, False), (3, True)])
async def test_success_of_a_service_that_others_wait_for_is_no_end(code: int, is_an_end: bool) -> None:
    engine = make_engine()
    await up(engine, PROJECT)
    watcher = Follower(
        engine.client,
        "app",
        emit=lambda item: None,
        wanted=lambda service: True,
        options=LogOptions(),
        passing=frozenset({"web"}),
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(watcher.run, (await observe(engine.client, "app")).containers)
        engine.exit("app-web-1", code)
        await anyio.wait_all_tasks_blocked()
        assert watcher.first_end.is_set() is is_an_end
        engine.exit("app-db-1", 0)
        await watcher.first_end.wait()
        tasks.cancel_scope.cancel()


async def test_a_run_that_is_over_before_it_was_looked_at_is_told_all_the_same() -> None:
    engine = make_engine()
    await up(engine, PROJECT)
    engine.write("app-web-1", b"first\n")
    engine.exit("app-web-1", 0)
    stopped = [item for item in await observe_containers(engine.client, "app") if item.service == "web"]
    heard: list[Output | Ended] = []
    watcher = follower(engine, heard, tail="0")
    async with anyio.create_task_group() as tasks:
        await tasks.start(partial(watcher.run, [], stopped=stopped))
        await engine.start_container("app-web-1")
        engine.write("app-web-1", b"second\n")
        engine.exit("app-web-1", 0)
        await watcher.until_noticed([stopped[0].id])
        await watcher.until_idle()
        tasks.cancel_scope.cancel()
    assert heard == [Output("web-1", 1, (b"second",)), Ended("web-1", 0)]


async def test_logs_without_following_end_with_what_there_is() -> None:
    engine = make_engine()
    await up(engine, PROJECT)
    engine.write("app-web-1", b"1\n2\n")
    heard: list[Output | Ended] = []
    containers = await observe_containers(engine.client, "app")
    await print_logs(engine.client, "app", containers, LogOptions(), heard.append)
    assert heard == [Output("web-1", 1, (b"1", b"2"))]


async def test_following_ends_with_the_time_until_which_lines_are_wanted() -> None:
    engine = make_engine()
    await up(engine, PROJECT)
    engine.write("app-web-1", b"1\n")
    heard: list[Output | Ended] = []
    watcher = Follower(
        engine.client, "app", emit=heard.append, wanted=lambda service: True, options=LogOptions(until="1")
    )
    with anyio.fail_after(60):
        await watcher.until_over(await observe_containers(engine.client, "app"))
    assert heard == [Output("web-1", 1, (b"1",))]


async def test_a_container_removed_meanwhile_is_simply_over() -> None:
    engine = make_engine()
    await up(engine, PROJECT)
    containers = (await observe(engine.client, "app")).containers
    engine.containers.clear()
    heard: list[Output | Ended] = []
    await follower(engine, heard).until_over(containers)
    assert heard == []


class Vanishing(FakeEngine):
    """Breaks off its answers once `is_gone`; to let go of the events then takes a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.is_gone = anyio.Event()

    async def container_logs(self, container: str, **options: Any) -> AsyncIterator[tuple[int, bytes]]:
        async for piece in super().container_logs(container, tty=False):
            yield piece
        await self.is_gone.wait()
        raise EngineUnreachable("unix:///engine.sock", "the answer broke off")

    @asynccontextmanager
    async def listening(self, **options: Any) -> AsyncIterator[AsyncIterator[EventMessage]]:
        async with super().listening(**options) as events:
            try:
                yield events
            finally:
                await anyio.lowlevel.checkpoint()


async def test_an_engine_that_vanishes_is_told_and_no_end_of_the_containers() -> None:
    engine = Vanishing()
    engine.images.update(make_engine().images)
    await up(engine, PROJECT)
    containers = (await observe(engine.client, "app")).containers

    async def vanish() -> None:
        await anyio.wait_all_tasks_blocked()
        engine.is_gone.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vanish)
        with pytest.raises(EngineUnavailable, match="broke off"):
            await follower(engine, []).until_over(containers)


def test_lines_are_cut_per_stream() -> None:
    lines = Lines()
    assert lines.feed(1, b"a") == ()
    assert lines.feed(2, b"x\n") == (b"x",)
    assert lines.feed(1, b"b\r\nc") == (b"ab",)
    assert lines.finish() == [(1, b"c")]


def test_short_names_leave_out_the_project() -> None:
    assert short_name("app", "app-web-1") == "web-1"
    assert short_name("app", "my-own-name") == "my-own-name"
