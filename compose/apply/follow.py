"""The output of a project's containers, line by line, as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence, Set
from contextlib import aclosing
from functools import partial

import anyio
import anyio.abc
from msgspec import Struct, field
from msgspec.structs import replace

from compose.apply.parallel import all_of, unwrapped
from compose.apply.refusals import refusals
from compose.plan import labels
from compose.plan.observed import ObservedContainer
from compose.plan.telling.progress import Emit, Ended, Output
from engine.client import ApiError, EngineClient
from engine.wire.containers import ContainerInspect
from engine.wire.system import EventMessage
from engine.wire.times import ZERO


class LogOptions(Struct, frozen=True):
    """Which lines: `tail` is a number or `all`, times are RFC 3339 or Unix seconds."""

    tail: str = "all"
    since: str = ""
    until: str = ""
    timestamps: bool = False


class Lines(Struct):
    """Cuts the pieces of both streams into whole lines."""

    rest: dict[int, bytes] = field(default_factory=dict[int, bytes])

    def feed(self, stream: int, piece: bytes) -> tuple[bytes, ...]:
        """The lines that `piece` completes, without their ends."""
        text = self.rest.get(stream, b"") + piece
        *whole, self.rest[stream] = text.split(b"\n")
        return tuple(line.removesuffix(b"\r") for line in whole) if b"\r" in text else tuple(whole)

    def finish(self) -> list[tuple[int, bytes]]:
        """What has no end of line."""
        return [(stream, rest) for stream, rest in sorted(self.rest.items()) if rest]


def short_name(project_name: str, container: str) -> str:
    """`web-1` for `shop-web-1` (or `shop_web_1`); other names (the user's own) as they are."""
    return container.removeprefix(f"{project_name}-").removeprefix(f"{project_name}_")


async def print_logs(
    engine: EngineClient, project_name: str, containers: Sequence[ObservedContainer], options: LogOptions, emit: Emit
) -> None:
    """What the containers have written so far, one after the other."""
    for item in containers:
        source = short_name(project_name, item.name)
        with refusals(f"reading the log of {item.name}", fine=(404,)):
            found = await engine.inspect_container(item.id)
            await _copy(engine, found, source, options, emit, follow=False)


class Follower:
    """Follows the containers of a project, also those that start later.

    `wanted` says which services. That one of `passing` ends with success is in order, and no `first_end`.
    """

    def __init__(
        self,
        engine: EngineClient,
        project_name: str,
        *,
        emit: Emit,
        wanted: Callable[[str], bool],
        options: LogOptions,
        passing: Set[str] = frozenset(),
    ) -> None:
        self._engine = engine
        self._project_name = project_name
        self._emit = emit
        self._wanted = wanted
        self._options = options
        self._passing = passing
        self._followed: dict[str, anyio.Event] = {}  # container id -> set at its next start
        self._ends: dict[str, str] = {}  # container id -> when its run before the next one ended
        self._noticed: set[str] = set()
        self._news = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None
        self._idle = anyio.Event()
        self._live = 0
        self.exit_codes: dict[str, int] = {}  # service -> exit code of its container that ended last
        self.first_end = anyio.Event()
        self.first_failure = anyio.Event()

    async def run(
        self,
        containers: Sequence[ObservedContainer],
        *,
        stopped: Sequence[ObservedContainer] = (),
        task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Follow until cancelled. Started once new containers are noticed.

        Of the `stopped` ones, should they be started, only the new output is told.
        """
        filters = {"type": ["container"], "event": ["start"], "label": [f"{labels.PROJECT}={self._project_name}"]}
        with refusals("following the containers"):
            async with self._engine.listening(filters=filters) as events, anyio.create_task_group() as tasks:
                self._tasks = tasks
                # Not when they have started: one may be over again before it can be looked at.
                await all_of([partial(self._remember_end, item.id) for item in stopped])
                for item in containers:
                    self._follow(item.id, item.name, is_new=False)
                task_status.started()
                await self._notice(events)

    async def until_over(self, containers: Sequence[ObservedContainer]) -> None:
        """Follow until nothing runs any more that was followed."""
        with unwrapped():
            async with anyio.create_task_group() as tasks:
                await tasks.start(self.run, containers)
                await self.until_idle()
                tasks.cancel_scope.cancel()

    async def until_idle(self) -> None:
        """Wait until nothing that was followed runs any more (at once if nothing ever was)."""
        while self._live:
            self._idle = anyio.Event()
            await self._idle.wait()

    async def until_noticed(self, containers: Iterable[str]) -> None:
        """Wait until the start of every one of these (ids) was seen: then `until_idle` counts them."""
        wanted = set(containers)
        while not wanted <= self._noticed:
            self._news = anyio.Event()
            await self._news.wait()

    async def _notice(self, events: AsyncIterator[EventMessage]) -> None:
        async for event in events:
            container, attributes = event.actor.id, event.actor.attributes
            is_ours = attributes.get(labels.ONE_OFF, "False") == "False"
            if restarted := self._followed.get(container):
                restarted.set()
            elif is_ours and self._wanted(attributes.get(labels.SERVICE, "")):
                self._follow(container, attributes.get("name", ""), is_new=True)
            self._noticed.add(container)
            self._news.set()

    async def _remember_end(self, container: str) -> None:
        try:
            finished_at = (await self._engine.inspect_container(container)).state.finished_at
        except ApiError as exc:
            if exc.status != 404:  # removed meanwhile: it does not start again
                raise
        else:
            if finished_at != ZERO:
                self._ends[container] = finished_at

    def _follow(self, container: str, name: str, *, is_new: bool) -> None:
        assert self._tasks, "containers are followed while run() is"
        self._followed[container] = anyio.Event()
        self._live += 1
        source = short_name(self._project_name, name)
        self._tasks.start_soon(partial(self._one, container, source, is_new=is_new), name=f"follow {name}")

    async def _one(self, container: str, source: str, *, is_new: bool) -> None:
        """One container's output, until there is no more of it."""
        # 404 and 409: removed under our eyes. 501: a log driver that cannot be read.
        with refusals(f"following {source}", fine=(404, 409, 501)):
            await self._run_after_run(container, source, is_new=is_new)
        # Not in a `finally`: a failure ends all, and who waits for the ends would go before it is told.
        self._followed.pop(container, None)
        self._live -= 1
        self._idle.set()

    async def _run_after_run(self, container: str, source: str, *, is_new: bool) -> None:
        """The output over all restarts; of a new run only what came after the run before."""
        options = self._options
        while True:
            found = await self._engine.inspect_container(container)
            if is_new:
                options = replace(options, since=self._ends.get(container, ""), tail="all")
            started_at = found.state.started_at
            await _copy(self._engine, found, source, options, self._emit, follow=True)
            found = await self._engine.inspect_container(container)
            state = found.state
            if options.until and state.running and state.started_at == started_at:
                return  # it goes on, but the time whose lines were wanted is over
            self._ends[container] = state.finished_at
            comes_back = state.status == "restarting" or state.running
            self._ended(found, Ended(source, state.exit_code, comes_back))
            if not comes_back:
                return
            if not state.running:
                await self._followed[container].wait()
            self._followed[container] = anyio.Event()
            is_new = True

    def _ended(self, found: ContainerInspect, end: Ended) -> None:
        self._emit(end)
        if not end.will_restart:
            service = found.config.labels.get(labels.SERVICE, "")
            self.exit_codes[service] = end.exit_code
            if end.exit_code:
                self.first_failure.set()
            if end.exit_code or service not in self._passing:
                self.first_end.set()


async def _copy(
    engine: EngineClient, found: ContainerInspect, source: str, options: LogOptions, emit: Emit, *, follow: bool
) -> None:
    lines = Lines()
    pieces = engine.container_logs(
        found.id,
        tty=found.config.tty,
        follow=follow,
        tail=options.tail,
        since=options.since,
        until=options.until,
        timestamps=options.timestamps,
    )
    async with aclosing(pieces):
        async for stream, piece in pieces:
            if whole := lines.feed(stream, piece):
                emit(Output(source, stream, whole))
    for stream, rest in lines.finish():
        emit(Output(source, stream, (rest,)))
