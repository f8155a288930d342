"""A run on the event loop: its acts may stream, wait, and be called off one by one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

import anyio

from compose.apply.calling_off import CallingOff
from compose.apply.hooks import HookNotRun, Tell, run_hooks
from compose.apply.performing.ending import Ends
from compose.apply.performing.run import Run
from compose.apply.performing.telling import Teller
from compose.apply.refusals import refusals
from compose.apply.requests.files import archive
from compose.apply.requests.mounts import InlineFile
from compose.apply.stage import Stage
from compose.apply.waiting import Patience, Waiter
from compose.model.tooling import Hook
from compose.plan.actions import StopContainer
from engine.client import EngineClient

_TAKING_BACK_SECONDS = 10


class LastingRun(Run[EngineClient]):
    """One execution of any plan."""

    def __init__(self, stage: Stage, teller: Teller, patience: Patience) -> None:
        ends = HookedEnds(stage, teller)
        super().__init__(stage.project, stage.observed, ends, teller)
        self._stage = stage
        self.variables: dict[str, Mapping[str, str]] = {}  # what providers have told, by service
        self.patience = patience
        self.calling_off = CallingOff()
        self.waiter: Waiter | None = None  # only where something is waited for

    async def put_files(self, container: str, files: Sequence[InlineFile]) -> None:
        """Put them into it, or remove it."""
        try:
            await self.engine.put_archive(container, "/", archive(files, now=time.time()))
        except BaseException:
            # A container without its files must not be started by the next `up` as if it were complete.
            with anyio.move_on_after(_TAKING_BACK_SECONDS, shield=True):
                with refusals("removing the container", fine=(404,)):
                    await self.engine.remove_container(container, force=True, volumes=True)
            raise

    async def run_hooks(self, container: str, name: str, hooks: Sequence[Hook]) -> None:
        """Run them one after the other. Raises `ServiceFailed` for one that does not end with 0."""
        await run_hooks(self.engine, container, name, hooks, _showing(self._stage, name))


class HookedEnds(Ends[EngineClient]):
    """Ends of containers whose services may have something to say before."""

    def __init__(self, stage: Stage, teller: Teller) -> None:
        super().__init__(stage.engine, teller)
        self._stage = stage

    async def before_stop(self, action: StopContainer) -> None:
        """Run the hooks of its service. Raises `ServiceFailed`, and then the container is not removed either."""
        service = self._stage.project.services.get(action.service)
        if service is None:
            return
        self.unready.add(action.container_id)
        try:
            shown = _showing(self._stage, action.container)
            await run_hooks(self.engine, action.container_id, action.container, service.pre_stop, shown)
        except HookNotRun:
            self.unready.discard(action.container_id)
            raise
        self.unready.discard(action.container_id)


def _showing(stage: Stage, container: str) -> Tell | None:
    return partial(stage.on_hook_line, container) if stage.on_hook_line else None
