"""The builds that clients have under way, by their refs: a job has a board, and results that its client asks for.

A job lives as long as the call `Control.Solve` that began it. Meanwhile its client asks the gateway for results, and in
the end returns one of them, or an error: then the outputs of that result are made, and the call is answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
from msgspec import Struct

from engine.buildkit.messages.control_pb2 import SourceOp
from engine.buildkit.messages.gateway_pb2 import ReturnRequest
from engine.buildkit.solving.attributes import Wanted
from engine.buildkit.solving.board import Board
from engine.buildkit.solving.build import Build, Yard
from engine.buildkit.solving.fetched import fetched
from engine.buildkit.solving.outputs import Output
from engine.buildkit.solving.provenance import Facts
from engine.buildkit.transport.background import background
from engine.buildkit.transport.status import CallFailed, Code
from engine.images.record import Image
from engine.state.names import new_id

_PATIENCE_SECONDS: Final = 10.0
# Ends of jobs, for calls about them that come late.
_REMEMBERED: Final = 64
_SCHEME: Final = "pycompose-result://"


class JobRequest(Struct, frozen=True):
    """How a client begins one. `session` has its files, `entitlements` are what it allows the build."""

    ref: str
    session: str
    entitlements: tuple[str, ...] = ()


class Job:
    """One of them."""

    def __init__(self, jobs: Jobs, request: JobRequest, tasks: anyio.abc.TaskGroup, files: AsyncExitStack) -> None:
        self.ref = request.ref
        self.board = Board(request.ref)
        self.entitlements = request.entitlements
        self._jobs = jobs
        self._session = request.session
        self._tasks = tasks
        self._files = files
        self._builds: dict[str, Build] = {}
        self._fetched: dict[str, Path] = {}
        self._begun: set[str] = set()
        self._returned = anyio.Event()
        self._answer: ReturnRequest | None = None

    async def define(self, wanted: Wanted) -> str:
        """Read what is to be built; the id of its result, which is not built before somebody needs it."""
        build = Build(self._jobs.yard, wanted, self._session, self.board)
        await build.define()
        identity = new_id()
        self._builds[identity] = build
        return identity

    async def ask(self, wanted: Wanted) -> dict[str, bytes]:
        """The answer to a question about a Dockerfile, which is not even parsed. Raises `CallFailed`, `EngineError`."""
        build = Build(self._jobs.yard, wanted, self._session, self.board)
        return await build.answer()

    async def fetch(self, source: SourceOp) -> str:
        """Bring something from elsewhere, which is read by the id that this returns. Raises `EngineError`."""
        workspace = await self._files.enter_async_context(self._jobs.yard.builder.working())
        async with self.board.doing(f"[internal] load {source.identifier}"):
            root = await fetched(source, workspace)
        identity = new_id()
        self._fetched[identity] = root
        return identity

    def root(self, identity: str) -> Path:
        """Where something that was fetched is. Raises `CallFailed`."""
        if identity not in self._fetched:
            raise CallFailed(Code.UNIMPLEMENTED, "files of a build's result are not read by this engine")
        return self._fetched[identity]

    def address(self, identity: str) -> str:
        """How another job names a result of this one."""
        return f"{_SCHEME}{self.ref}/{identity}"

    async def built(self, identity: str) -> Image:
        """A result, built. Raises `CallFailed`."""
        return await self._begin(identity).built()

    def take(self, answer: ReturnRequest) -> None:
        """The client says what it wants of all of this."""
        self._answer = answer
        self._returned.set()

    async def returned(self) -> str:
        """Wait for that; the id of a result, or "" for none. Raises `CallFailed` with an error that the client met."""
        await self._returned.wait()
        assert self._answer is not None  # it comes with the event
        if self._answer.HasField("error"):
            error = self._answer.error
            raise CallFailed(error.code or Code.UNKNOWN, error.message, error)
        result = self._answer.result
        return result.ref.id or result.ref_deprecated or next((ref.id for ref in result.refs.refs.values()), "")

    async def put_out(self, identity: str, outputs: Sequence[Output]) -> Mapping[str, str]:
        """Make the outputs of a result. Raises `CallFailed`."""
        return await self._begin(identity).put_out(outputs)

    def facts(self, identity: str) -> Facts | None:
        """What is known of a result that was put out."""
        return self._builds[identity].facts

    def _begin(self, identity: str) -> Build:
        build = self._builds.get(identity)
        if build is None:
            raise CallFailed(Code.NOT_FOUND, f"no such result: {identity}")
        if identity not in self._begun:
            self._begun.add(identity)
            self._tasks.start_soon(build.run, self._jobs.result, name=f"build {self.ref[:12]}")
        return build


class Jobs:
    """Those of one engine."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self._jobs: dict[str, Job] = {}
        self._ended: deque[str] = deque(maxlen=_REMEMBERED)
        self._changed = anyio.Event()

    @asynccontextmanager
    async def job(self, request: JobRequest) -> AsyncIterator[Job]:
        """A new job for the block; what it still builds at the end is called off. Raises `CallFailed`."""
        ref = request.ref
        if ref in self._jobs:
            raise CallFailed(Code.UNKNOWN, f"job ID {ref} exists")
        async with AsyncExitStack() as files, background() as tasks:
            job = self._jobs[ref] = Job(self, request, tasks, files)
            self._changed.set()
            self._changed = anyio.Event()
            try:
                yield job
            finally:
                del self._jobs[ref]
                self._ended.append(ref)
                job.board.close()

    def current(self, ref: str) -> Job | None:
        """A job that goes on."""
        return self._jobs.get(ref)

    def has_ended(self, ref: str) -> bool:
        """Whether it was one, not long ago."""
        return ref in self._ended

    async def get(self, ref: str) -> Job:
        """A job, waited for a while: its calls come at the same time. Raises `CallFailed`."""
        with anyio.move_on_after(_PATIENCE_SECONDS):
            while ref not in self._jobs:
                await self._changed.wait()
        if ref not in self._jobs:
            raise CallFailed(Code.NOT_FOUND, f"no such job {ref}")
        return self._jobs[ref]

    async def result(self, address: str) -> Image:
        """A result of any job by its address, built. Raises `CallFailed`."""
        ref, _, identity = address.removeprefix(_SCHEME).partition("/")
        job = self._jobs.get(ref)
        if job is None or not address.startswith(_SCHEME):
            raise CallFailed(Code.NOT_FOUND, f"a context is no result of a build that is under way: {address}")
        return await job.built(identity)
