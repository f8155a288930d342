"""`up` in the foreground: the output of the containers until they end, and what keys and signals do meanwhile."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.abc

from compose.apply.follow import Follower, LogOptions, short_name
from compose.apply.looking.observe import observe
from compose.apply.parallel import unwrapped
from compose.apply.stage import Stage
from compose.cli.carrying_out import perform
from compose.cli.interrupts import on_interrupts
from compose.cli.parsing.switches import Switch
from compose.cli.reaching.connection import connected
from compose.cli.session import Session, is_true
from compose.cli.terminal import output_colour, progress, warn, write_output
from compose.cli.up.bringing_up import prepared, traced
from compose.cli.up.options import UpRequest
from compose.errors import ComposeError
from compose.model.project import Project
from compose.plan.actions import CreateContainer, RemoveContainer
from compose.plan.deciding.teardown import plan_kill, plan_stop
from compose.plan.labels import container_name
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.steps import Plan
from compose.plan.telling.progress import Ended, Output
from compose.render.logs import LogFormat
from compose.render.progress import Progress, Quiet
from engine.client import EngineClient

if TYPE_CHECKING:
    from compose.apply.develop.rules import Watched
    from compose.render.menu import Menu

_INTERRUPTED = 130
_LAST_WORDS_SECONDS = 2  # for the end of the output of containers that were just stopped


async def attached(session: Session, project: Project, request: UpRequest) -> int:
    """Bring the project up and print its output until it ends or is interrupted, which stops it."""
    async with connected(session) as engine:
        foreground = _Foreground(session, engine, project, request)
        with unwrapped():
            return await foreground.run()


class _Foreground:
    """One `up` in the foreground: the project's output, and what Ctrl-C does to it."""

    def __init__(self, session: Session, engine: EngineClient, project: Project, request: UpRequest) -> None:
        self.session = session
        self.engine = engine
        self.project = project
        self.request = request
        self.attached = request.attached(project)
        names = [
            short_name(project.name, container_name(project, service, number + 1))
            for service in project.services.values()
            if service.name in self.attached
            for number in range(request.scale.get(service.name, service.scale))
        ]
        colour = output_colour(session) and not request.no_color
        self.format = LogFormat(names, colour=colour, prefix=not request.no_log_prefix)
        self.shown: Progress = Quiet()
        self.is_interrupted = False
        self.is_left = False
        # Found out at once, so that a project without any does not come up; else when the menu is asked for it.
        self.rules = _watched(session, project) if request.watch else []

    async def run(self) -> int:
        """Up, output, end; returns the exit code."""
        working, stopping = anyio.CancelScope(), anyio.CancelScope()

        def interrupt() -> None:
            self.is_interrupted = True
            working.cancel()

        def leave() -> None:
            self.is_left = True
            working.cancel()

        async with anyio.create_task_group() as tasks:
            await tasks.start(on_interrupts, (interrupt, stopping.cancel))
            follower = self._follower()
            with working:
                await self._bring_up(follower, tasks)
                async with self._with_menu(Switch(tasks, self._develop, "watch"), leave) as watch:
                    await self._until_over(follower, watch)
            if self.is_left:
                sys.stderr.write("The containers go on running\n")
            elif self.is_interrupted or self._is_aborting(follower):
                await self._stop(stopping)
                with anyio.move_on_after(_LAST_WORDS_SECONDS):
                    await follower.until_idle()
            tasks.cancel_scope.cancel()
        if self.is_interrupted:
            return _INTERRUPTED
        if self.is_left:
            return 0
        return self._exit_code(follower)

    async def _bring_up(self, follower: Follower, tasks: anyio.abc.TaskGroup) -> None:
        async with self._showing("up"):
            report = self.shown.update
            with traced(self.session, self.request) as trace:
                plan, stage = await prepared(self.session, self.engine, self.project, self.request, report, trace)
                mine = [item for item in self._mine(stage.observed) if item.service in self.attached]
                running = [item for item in mine if item.state == "running"]
                stopped = [item for item in mine if item.state != "running"]
                await tasks.start(partial(follower.run, running, stopped=stopped))
                self._tell_attached(plan, mine)
                started = await perform(plan, stage, report, trace=trace)
            await follower.until_noticed(started)

    async def _until_over(self, follower: Follower, watch: Switch) -> None:
        if self.rules:
            watch.flip()
        if self.request.abort_on_exit:
            await follower.first_end.wait()
            return
        async with anyio.create_task_group() as over:
            if self.request.abort_on_failure:
                over.start_soon(_then, follower.first_failure.wait, over.cancel_scope.cancel)
            await follower.until_idle()
            while watch.is_on:  # the next change may bring back what has ended
                await watch.until_off()
                await follower.until_idle()
            over.cancel_scope.cancel()

    async def _develop(self) -> None:
        from compose.cli.up.developing import Developer

        await Developer(self.engine, self.project, self.rules, self._tell, Quiet().update).run()

    def _tell(self, line: str) -> None:
        self.shown.aside(f"{line}\n".encode(), write_output)

    @asynccontextmanager
    async def _with_menu(self, watch: Switch, leave: Callable[[], None]) -> AsyncIterator[Switch]:
        """Show the shortcuts while the block runs, if they are wanted, and do what they stand for."""
        from compose.cli.up.keys import is_ours, on_keys

        if not (_wants_menu(self.session, self.request) and is_ours()):
            yield watch
            return
        from compose.render.menu import Menu

        menu = Menu(write_output, lambda: shutil.get_terminal_size().columns, colour=output_colour(self.session))
        watch.on_change = partial(_draw, menu, watch)

        def flip() -> None:
            if self._is_watchable():
                watch.flip()

        actions: dict[bytes, Callable[[], None]] = {b"w": flip, b"d": leave, b"\n": partial(self._tell, "")}
        async with anyio.create_task_group() as keys:
            await keys.start(on_keys, actions)
            self.shown = menu
            _draw(menu, watch)
            try:
                yield watch
            finally:
                watch.on_change = _nothing
                menu.close()
                self.shown = Quiet()
                keys.cancel_scope.cancel()

    def _is_watchable(self) -> bool:
        """Whether there is something to watch; tells why not."""
        try:
            self.rules = self.rules or _watched(self.session, self.project)
        except ComposeError as exc:
            self._tell(f"{exc.message}; {exc.hint}")
        return bool(self.rules)

    async def _stop(self, stopping: anyio.CancelScope) -> None:
        """Stop the project gracefully; when that is cancelled, kill what has not ended."""
        why = "Gracefully stopping" if self.is_interrupted else "Aborting on container exit"
        sys.stderr.write(f"{why}... (press Ctrl+C {'again ' if self.is_interrupted else ''}to force)\n")
        observed = await observe(self.engine, self.project.name)
        stage = Stage(self.engine, self.project, observed)
        async with self._showing("stop"):
            with stopping:
                plan = plan_stop(self._mine(observed), self.request.timeout_seconds, "interrupted")
                await perform(plan, stage, self.shown.update, keep_going=True)
            if stopping.cancelled_caught:
                observed = await observe(self.engine, self.project.name)
                left = [item for item in self._mine(observed) if item.state in ("running", "restarting", "paused")]
                await perform(plan_kill(left, "SIGKILL"), stage, self.shown.update, keep_going=True)

    def _mine(self, observed: Observed) -> list[ObservedContainer]:
        return [item for item in observed.containers if item.service in self.project.services and not item.is_one_off]

    @asynccontextmanager
    async def _showing(self, verb: str) -> AsyncIterator[None]:
        async with progress(self.session, verb) as shown:
            self.shown = shown
            try:
                yield
            finally:
                self.shown = Quiet()

    def _follower(self) -> Follower:
        options = LogOptions(tail="0", timestamps=self.request.timestamps)
        return Follower(
            self.engine,
            self.project.name,
            emit=self._emit,
            wanted=lambda service: service in self.attached,
            options=options,
            passing=_passing(self.project) if self.request.exit_code_from else frozenset(),
        )

    def _emit(self, item: Output | Ended) -> None:
        text = self.format.output(item) if isinstance(item, Output) else self.format.ended(item)
        self.shown.aside(text, write_output)

    def _tell_attached(self, plan: Plan, observed: list[ObservedContainer]) -> None:
        """Say whose output is going to be printed, as docker compose does."""
        creations = [step.action for step in plan.steps if isinstance(step.action, CreateContainer)]
        going = {step.action.container_id for step in plan.steps if isinstance(step.action, RemoveContainer)}
        names = {item.final_name for item in creations if item.service.name in self.attached}
        names |= {item.name for item in observed if item.id not in going}
        text = ", ".join(short_name(self.project.name, name) for name in sorted(names))
        self.shown.aside(f"Attaching to {text}\n".encode(), write_output)

    def _is_aborting(self, follower: Follower) -> bool:
        """Whether the end, or the failure, of one container is to stop the others."""
        return self.request.abort_on_exit or (self.request.abort_on_failure and follower.first_failure.is_set())

    def _exit_code(self, follower: Follower) -> int:
        if not (self.request.abort_on_exit or self.request.abort_on_failure):
            return 0
        if self.request.exit_code_from:
            return follower.exit_codes.get(self.request.exit_code_from, 0)
        codes = follower.exit_codes.values()
        return next((code for code in codes if code), 0) if self.request.abort_on_failure else next(iter(codes), 0)


def _nothing() -> None:
    """Nobody looks any more."""


def _draw(menu: Menu, watch: Switch) -> None:
    menu.show({"w": "Disable Watch" if watch.is_on else "Enable Watch", "d": "Detach"})


def _wants_menu(session: Session, request: UpRequest) -> bool:
    """As the option says, else the variable; by default where progress is drawn as well."""
    wanted = request.menu
    if wanted is None:
        wanted = is_true(session.settings.get("COMPOSE_MENU", "1"))
    return wanted and session.progress in ("auto", "tty") and session.environment.get("TERM", "") not in ("", "dumb")


def _passing(project: Project) -> frozenset[str]:
    """Services that others wait for to complete: who asks for the exit code of those others does not mean these."""
    return frozenset(
        name
        for service in project.services.values()
        for name, dependency in service.depends_on.items()
        if dependency.condition == "service_completed_successfully"
    )


def _watched(session: Session, project: Project) -> list[Watched]:
    from compose.cli.up.developing import developed  # with inotify, which hardly any `up` needs

    return developed(project, lambda message: warn(session, message))


async def _then(wait: Callable[[], Awaitable[object]], act: Callable[[], None]) -> None:
    await wait()
    act()
