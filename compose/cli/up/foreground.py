"""`up` in the foreground: the output of the containers until they end, and what keys and signals do meanwhile."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.abc
from msgspec.structs import replace

from compose.apply.follow import Follower, LogOptions, short_name
from compose.apply.looking.observe import observe
from compose.apply.parallel import unwrapped
from compose.apply.stage import Stage
from compose.cli.carrying_out import perform
from compose.cli.interrupts import on_interrupts
from compose.cli.parsing.switches import Switch
from compose.cli.reaching.connection import connected
from compose.cli.session import Session
from compose.cli.terminal import output_colour, progress, warn, write_output
from compose.cli.up.bringing_up import prepared, traced
from compose.cli.up.options import UpRequest
from compose.cli.up.shortcuts import are_wanted, put_away, shortcuts
from compose.errors import ComposeError
from compose.model.project import Project
from compose.plan.actions import CreateContainer, RemoveContainer
from compose.plan.deciding.teardown import plan_kill, plan_stop
from compose.plan.labels import container_name
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.steps import Plan
from compose.plan.telling.progress import Ended, Output
from compose.render.logs import LogFormat
from compose.render.menu import Menu
from compose.render.progress import Progress, Quiet
from engine.client import EngineClient

if TYPE_CHECKING:
    from compose.apply.develop.rules import Watched

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
        self.menu = Menu(write_output, lambda: shutil.get_terminal_size().columns, colour=output_colour(session))
        self.is_interrupted = False
        self.is_left = False
        self.is_up = anyio.Event()
        self.following = anyio.CancelScope()  # cancelled before it is entered by who leaves while all that starts
        # Found out at once, so that a project without any does not come up; else when the menu is asked for it.
        self.rules = self._watched() if request.watch else []

    async def run(self) -> int:
        """Up, output, end; returns the exit code."""
        working, stopping = anyio.CancelScope(), anyio.CancelScope()

        def interrupt() -> None:
            self.is_interrupted = True
            working.cancel()

        async with anyio.create_task_group() as tasks:
            await tasks.start(on_interrupts, (interrupt, stopping.cancel))
            follower = self._follower()
            watch = Switch(tasks, self._develop, "watch")
            with working:
                async with AsyncExitStack() as stack:
                    await self._bring_up(follower, tasks, partial(stack.enter_async_context, self._menu_for(watch)))
                    with self.following:
                        await self._until_over(follower, watch)
            if self.is_interrupted or (self._is_aborting(follower) and not self.is_left):
                await self._stop(stopping)
                with anyio.move_on_after(_LAST_WORDS_SECONDS):
                    await follower.until_idle()
            elif self.is_left:
                sys.stderr.write("The containers go on running\n")
            tasks.cancel_scope.cancel()
        if self.is_interrupted:
            return _INTERRUPTED
        return 0 if self.is_left else self._exit_code(follower)

    async def _bring_up(
        self, follower: Follower, tasks: anyio.abc.TaskGroup, show_menu: Callable[[], Awaitable[object]]
    ) -> None:
        """Make the images, then follow and start. The menu comes before the start, which may wait for health."""
        with traced(self.session, self.request, self.menu.over(_complain)) as trace:
            async with self._showing("up"):
                report = self.shown.update
                plan, stage = await prepared(self.session, self.engine, self.project, self.request, report, trace)
            mine = [item for item in self._mine(stage.observed) if item.service in self.attached]
            running = [item for item in mine if item.state == "running"]
            stopped = [item for item in mine if item.state != "running"]
            await tasks.start(partial(follower.run, running, stopped=stopped))
            self._tell_attached(plan, mine)
            await show_menu()
            async with self._showing("up"):
                stage = replace(stage, on_hook_line=self._emit_hook_line)
                started = await perform(plan, stage, self.shown.update, trace=trace)
        await follower.until_noticed(started)
        self.is_up.set()

    async def _until_over(self, follower: Follower, watch: Switch) -> None:
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

        await self.is_up.wait()  # what is still being made has to be whole before files are copied into it
        await Developer(self.engine, self.project, self.rules, self._tell, Quiet().update).run()

    def _tell(self, line: str) -> None:
        self._aside(f"{line}\n".encode())

    def _aside(self, text: bytes) -> None:
        self.shown.aside(text, self.menu.write)

    @asynccontextmanager
    async def _menu_for(self, watch: Switch) -> AsyncIterator[None]:
        """Watch at once if that is asked for; while the block runs, have the shortcuts do what they say."""
        if self.rules:
            watch.flip()
        if not are_wanted(self.session, self.request.menu):
            yield
            return

        def flip() -> None:
            if not self.is_left and self._is_watchable():
                watch.flip()

        def leave() -> None:
            if not (self.is_left or self.is_up.is_set()):
                self._tell("Detaching when everything has started")
            self.is_left = True
            put_away(self.menu, watch)
            self.following.cancel()

        async with shortcuts(self.menu, watch, {b"w": flip, b"d": leave, b"\n": partial(self._tell, "")}):
            yield

    def _is_watchable(self) -> bool:
        """Whether there is something to watch; tells why not."""
        try:
            self.rules = self.rules or self._watched()
        except ComposeError as exc:
            self._tell(f"{exc.message}; {exc.hint}")
        return bool(self.rules)

    def _watched(self) -> list[Watched]:
        from compose.cli.up.developing import developed  # with inotify, which hardly any `up` needs

        return developed(self.project, self.menu.over(partial(warn, self.session)))

    async def _stop(self, stopping: anyio.CancelScope) -> None:
        """Stop the project gracefully; when that is cancelled, kill what has not ended."""
        why = "Gracefully stopping" if self.is_interrupted else "Aborting on container exit"
        sys.stderr.write(f"{why}... (press Ctrl+C {'again ' if self.is_interrupted else ''}to force)\n")
        observed = await observe(self.engine, self.project.name)
        stage = Stage(self.engine, self.project, observed, self._emit_hook_line)
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
        async with progress(self.session, verb, self.menu.over) as shown:
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
        if not self.is_left:
            self._aside(self.format.output(item) if isinstance(item, Output) else self.format.ended(item))

    def _emit_hook_line(self, container: str, line: bytes) -> None:
        self._emit(Output(f"{short_name(self.project.name, container)} ->", 1, (line,)))

    def _tell_attached(self, plan: Plan, observed: list[ObservedContainer]) -> None:
        """Say whose output is going to be printed, as docker compose does."""
        creations = [step.action for step in plan.steps if isinstance(step.action, CreateContainer)]
        going = {step.action.container_id for step in plan.steps if isinstance(step.action, RemoveContainer)}
        names = {item.final_name for item in creations if item.service.name in self.attached}
        names |= {item.name for item in observed if item.id not in going}
        text = ", ".join(short_name(self.project.name, name) for name in sorted(names))
        self._tell(f"Attaching to {text}")

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


def _complain(text: str) -> None:
    sys.stderr.write(text)


def _passing(project: Project) -> frozenset[str]:
    """Services that others wait for to complete: who asks for the exit code of those others does not mean these."""
    return frozenset(
        name
        for service in project.services.values()
        for name, dependency in service.depends_on.items()
        if dependency.condition == "service_completed_successfully"
    )


async def _then(wait: Callable[[], Awaitable[object]], act: Callable[[], None]) -> None:
    await wait()
    act()
