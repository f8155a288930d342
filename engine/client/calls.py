"""The base of both clients of the engine: requests with one whole response each, a limited number at a time.

Two clients have them: `EngineClient` on an event loop, which also streams and takes connections over, and `NearEngine`
on the little `reactor`, for commands that are over before an event loop would have been imported.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

from engine.client.answers import parsed
from engine.client.errors import ApiError
from engine.errors import BadRequest
from engine.wire.http import Value, request_head

T = TypeVar("T")
Parameters = Mapping[str, Value]

NOTHING: Final[Parameters] = {}
# More than any honest engine answers.
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024


def asked(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """The head of a request. Raises `ApiError` for one that no engine would understand."""
    try:
        return request_head(method, target, headers)
    except BadRequest as exc:
        raise ApiError(exc.status, exc.message) from exc


class Cancelling(Protocol):
    """The end of a group's tasks before their time."""

    def cancel(self) -> None:
        """Cancel all of them."""
        ...


class Tasks(Protocol):
    """Tasks that end with their block, as anyio's task groups."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...

    @property
    def cancel_scope(self) -> Cancelling:
        """Ends them."""
        ...

    def start_soon(self, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any, name: object = None) -> object:
        """Begin one more."""
        ...


class Calls(ABC):
    """One engine at `address`. One that `only_reads` raises `OnlyReads` instead of asking for a change."""

    address: str
    only_reads: bool

    @abstractmethod
    async def call(self, method: str, path: str, parameters: Parameters = NOTHING, body: object = None) -> bytes:
        """One request with a JSON body (or none) and its whole answer. Raises `ApiError`, `EngineUnreachable`."""

    @abstractmethod
    def tasks(self) -> Tasks:
        """For calls at the same time."""

    @abstractmethod
    def shielded(self) -> AbstractContextManager[object]:
        """Have the block finish what it began, though it is cancelled meanwhile."""

    @abstractmethod
    def turn(self) -> AbstractAsyncContextManager[object]:
        """Wait for one's turn, where only so many are to pull, make, start or stop something at the same time."""

    @abstractmethod
    async def aside(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of work that blocks for a moment; other tasks go on meanwhile where they can."""

    async def fetch(
        self, kind: type[T], method: str, path: str, parameters: Parameters = NOTHING, body: object = None
    ) -> T:
        """One request and its answer as a type of `engine.wire`."""
        return parsed(await self.call(method, path, parameters, body), kind)
