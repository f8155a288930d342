"""The acts that stop and remove: plain requests, by either client of the engine, with an event loop or without."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from compose.apply.performing.telling import Teller
from compose.apply.refusals import refusals
from compose.errors import EngineRefused
from compose.plan.actions import (
    Deed,
    KillContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    StopContainer,
)
from compose.plan.telling.progress import Phase

if TYPE_CHECKING:
    from engine.client.nouns import EngineCalls

Engine = TypeVar("Engine", bound="EngineCalls")

Ending: TypeAlias = StopContainer | KillContainer | RemoveContainer | RemoveNetwork | RemoveVolume | RemoveImage


class Ends(Generic[Engine]):
    """Brings about ends, and tells of them."""

    def __init__(self, engine: Engine, teller: Teller) -> None:
        self.engine = engine
        self.removed: set[str] = set()  # containers, by id
        self.unready: set[str] = set()  # containers that may not be stopped yet: they are not removed either
        self._teller = teller

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

    async def _stop(self, action: StopContainer) -> None:
        with self._teller.telling(action, fine=(304, 404)):
            await self.before_stop(action)
            await self.engine.stop_container(action.container_id, timeout_seconds=action.timeout_seconds)

    async def _kill(self, action: KillContainer) -> None:
        with self._teller.telling(action, fine=(404, 409)):
            await self.engine.kill_container(action.container_id, action.signal)

    async def _remove_container(self, action: RemoveContainer) -> None:
        if action.container_id in self.unready:
            return
        with self._teller.telling(action, fine=(404,)):
            await self.engine.remove_container(action.container_id, force=True, volumes=not action.keep_volumes)
        for name in action.volumes:
            with refusals(f"removing volume {name}", fine=(404, 409)):  # gone with the container; another one's as well
                await self.engine.remove_volume(name)
        self.removed.add(action.container_id)

    async def _remove(self, action: Deed, call: Awaitable[object]) -> None:
        """Remove what others may still use: then it stays, with a warning."""
        words = action.words
        self._teller.say(words.resource, words.verb.doing, Phase.WORKING)
        try:
            with refusals(words.undertaking, fine=(404,)):
                await call
        except EngineRefused as exc:
            if exc.status not in (403, 409):
                self._teller.say(words.resource, "Error", Phase.FAILED)
                raise
            self._teller.say(words.resource, "Resource is still in use", Phase.WARNING)
        else:
            self._teller.say(words.resource, words.verb.done)
