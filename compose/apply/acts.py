"""How acts are done that take nothing but requests with whole answers: what stops and removes.

They go to either client of the engine; `compose.apply.execute` adds what needs an event loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from compose.apply.refusals import refusals
from compose.errors import ComposeError, EngineRefused
from compose.model.project import Project
from compose.plan.actions import (
    Deed,
    KillContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    StopContainer,
)
from compose.plan.telling.progress import Phase, Report, Update

if TYPE_CHECKING:
    from engine.client.nouns import EngineCalls

Engine = TypeVar("Engine", bound="EngineCalls")

Ending: TypeAlias = StopContainer | KillContainer | RemoveContainer | RemoveNetwork | RemoveVolume | RemoveImage


class Acts(Generic[Engine]):
    """Does acts and reports them."""

    def __init__(self, engine: Engine, project: Project, report: Report) -> None:
        self.engine = engine
        self.project = project
        self.report = report
        self.failed: set[str] = set()  # resources
        self.unready: set[str] = set()  # containers whose hooks have not let them stop: they are not removed either
        self.removed: set[str] = set()  # containers, by id

    async def end(self, action: Ending) -> None:
        """Make the call that `action` stands for. Raises `EngineRefused`, `EngineUnavailable`."""
        match action:
            case StopContainer():
                await self._stop(action)
            case KillContainer():
                await self._kill(action)
            case RemoveContainer():
                await self._remove_container(action)
            case RemoveNetwork():
                await self._remove(action, self.engine.remove_network(action.name))
            case RemoveVolume():
                await self._remove(action, self.engine.remove_volume(action.name))
            case RemoveImage():
                await self._remove(action, self.engine.remove_image(action.image))

    async def before_stop(self, action: StopContainer) -> None:
        """What comes before a stop: here nothing."""

    @contextmanager
    def telling(self, action: Deed, fine: tuple[int, ...] = ()) -> Iterator[None]:
        """Report that it is being done, do the block, report that it is done; refusals are named after the act."""
        told = action.words
        self.say(told.resource, told.verb.doing, Phase.WORKING)
        try:
            with refusals(told.undertaking, fine=fine):
                yield
        except ComposeError:
            self.say(told.resource, "Error", Phase.FAILED)
            raise
        self.say(told.resource, told.verb.done)

    def say(self, resource: str, state: str, phase: Phase = Phase.DONE, detail: str = "") -> None:
        """Report a change of a resource."""
        if phase is Phase.FAILED:
            self.failed.add(resource)
        self.report(Update(resource, state, phase, detail))

    async def _stop(self, action: StopContainer) -> None:
        with self.telling(action, fine=(304, 404)):
            await self.before_stop(action)
            await self.engine.stop_container(action.container_id, timeout_seconds=action.timeout_seconds)

    async def _kill(self, action: KillContainer) -> None:
        with self.telling(action, fine=(404, 409)):
            await self.engine.kill_container(action.container_id, action.signal)

    async def _remove_container(self, action: RemoveContainer) -> None:
        if action.container_id in self.unready:
            return
        with self.telling(action, fine=(404,)):
            await self.engine.remove_container(action.container_id, force=True, volumes=not action.keep_volumes)
        for name in action.volumes:
            with refusals(f"removing volume {name}", fine=(404, 409)):  # gone with the container; another one's as well
                await self.engine.remove_volume(name)
        self.removed.add(action.container_id)

    async def _remove(self, action: Deed, call: Awaitable[object]) -> None:
        """Remove what others may still use: then it stays, with a warning."""
        told = action.words
        self.say(told.resource, told.verb.doing, Phase.WORKING)
        try:
            with refusals(told.undertaking, fine=(404,)):
                await call
        except EngineRefused as exc:
            if exc.status not in (403, 409):
                self.say(told.resource, "Error", Phase.FAILED)
                raise
            self.say(told.resource, "Resource is still in use", Phase.WARNING)
        else:
            self.say(told.resource, told.verb.done)
