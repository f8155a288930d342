"""`Control`, the service that buildx speaks first: builds and their progress, workers, the cache."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Final

from engine.builder.service import Builder
from engine.builder.usage import Bounds, CacheUsage
from engine.buildkit.control.content import content_handlers
from engine.buildkit.control.filters import read_filters
from engine.buildkit.control.history import History
from engine.buildkit.control.jobs import Job, JobRequest, Jobs
from engine.buildkit.messages.control_pb2 import (
    DiskUsageRequest,
    DiskUsageResponse,
    Exporter,
    InfoRequest,
    InfoResponse,
    ListWorkersRequest,
    ListWorkersResponse,
    PruneRequest,
    SolveRequest,
    SolveResponse,
    StatusRequest,
    StatusResponse,
    UsageRecord,
    WorkerRecord,
)
from engine.buildkit.messages.history_pb2 import (
    BuildHistoryEvent,
    BuildHistoryRecord,
    BuildHistoryRequest,
    UpdateBuildHistoryRequest,
    UpdateBuildHistoryResponse,
)
from engine.buildkit.session.sessions import Sessions
from engine.buildkit.solving.attributes import read_attributes
from engine.buildkit.solving.outputs import Output, check_outputs
from engine.buildkit.transport.calls import Call, Handler, streaming, unary
from engine.buildkit.transport.tunnel import Tunnel

_SERVICE: Final = "/moby.buildkit.v1.Control"
_SESSION: Final = "x-docker-expose-session-uuid"
_DIRECTORIES: Final = "x-docker-expose-session-sharedkey"


class Control:
    """Of one engine."""

    def __init__(self, jobs: Jobs, sessions: Sessions, builder: Builder, workers: Callable[[], WorkerRecord]) -> None:
        self._history = History(builder.root)
        self._jobs = jobs
        self._sessions = sessions
        self._builder = builder
        self._workers = workers

    def handlers(self) -> Mapping[str, Handler]:
        """What answers its calls."""
        return {
            f"{_SERVICE}/Info": unary(InfoRequest, self._info),
            f"{_SERVICE}/ListWorkers": unary(ListWorkersRequest, self._list_workers),
            f"{_SERVICE}/DiskUsage": unary(DiskUsageRequest, self._disk_usage),
            f"{_SERVICE}/Prune": streaming(PruneRequest, self._prune),
            f"{_SERVICE}/Solve": unary(SolveRequest, self._solve),
            f"{_SERVICE}/Status": streaming(StatusRequest, self._status),
            f"{_SERVICE}/Session": self._session,
            f"{_SERVICE}/ListenBuildHistory": streaming(BuildHistoryRequest, self._listen),
            f"{_SERVICE}/UpdateBuildHistory": unary(UpdateBuildHistoryRequest, self._update),
            **content_handlers(self._history),
        }

    async def _info(self, call: Call, request: InfoRequest) -> InfoResponse:
        return InfoResponse(buildkit_version=self._workers().buildkit_version)

    async def _list_workers(self, call: Call, request: ListWorkersRequest) -> ListWorkersResponse:
        return ListWorkersResponse(record=[self._workers()])

    async def _solve(self, call: Call, request: SolveRequest) -> SolveResponse:
        outputs = _outputs(request)
        check_outputs(outputs)
        begun = JobRequest(request.ref, request.session, tuple(request.entitlements))
        record = _record_of(request, outputs)
        async with AsyncExitStack() as stack:
            job = await stack.enter_async_context(self._jobs.job(begun))
            entry = None
            if not request.internal:  # as the questions are that buildx asks before a build
                entry = await stack.enter_async_context(self._history.keeping(record, job.board.recording))
            identity = await self._wanted(job, request)
            told = await job.put_out(identity, outputs) if identity else {}
            record.exporter_response.update(told)
            if entry and identity and (facts := job.facts(identity)):
                entry.attest(facts)
        return SolveResponse(exporter_response=told)

    async def _wanted(self, job: Job, request: SolveRequest) -> str:
        """The result to put out: of the frontend that the call names, or what the client returns to the gateway."""
        if not request.frontend:
            return await job.returned()
        return await job.define(read_attributes(request.frontend_attrs, job.entitlements))

    async def _status(self, call: Call, request: StatusRequest) -> AsyncGenerator[StatusResponse, None]:
        async with aclosing(await self._progress(request.ref)) as messages:
            async for message in messages:
                yield message

    async def _progress(self, ref: str) -> AsyncGenerator[StatusResponse, None]:
        """How a build goes on: told to its client as it happens, and to others from the beginning.

        A short build may be over before its client asks, which waits for an answer all the same.
        """
        job = self._jobs.current(ref)
        if job is None and await self._history.has(ref):
            return self._history.status(ref)
        if job is None and self._jobs.has_ended(ref):
            return _nothing()
        job = job or await self._jobs.get(ref)
        return self._history.status(ref) if job.board.has_reader else job.board.read()

    async def _listen(self, call: Call, request: BuildHistoryRequest) -> AsyncGenerator[BuildHistoryEvent, None]:
        async with aclosing(self._history.listen(request)) as events:
            async for event in events:
                yield event

    async def _update(self, call: Call, request: UpdateBuildHistoryRequest) -> UpdateBuildHistoryResponse:
        await self._history.update(request)
        return UpdateBuildHistoryResponse()

    async def _session(self, call: Call) -> None:
        """A session inside a call, for clients that open no connection of their own for it."""
        identity = call.value(_SESSION)
        self._sessions.check(identity)
        await self._sessions.serve(identity, Tunnel(call), call.value(_DIRECTORIES))

    async def _disk_usage(self, call: Call, request: DiskUsageRequest) -> DiskUsageResponse:
        wanted = read_filters(request.filter)
        return DiskUsageResponse(record=[_record(item) for item in await self._builder.usage() if wanted(item)])

    async def _prune(self, call: Call, request: PruneRequest) -> AsyncGenerator[UsageRecord, None]:
        wanted = read_filters(request.filter, unused_for_ns=request.keep_duration)
        before = {item.id: item for item in await self._builder.usage()}
        bounds = Bounds(request.max_used_space, request.reserved_space, request.min_free_space)
        removed, _ = await self._builder.prune(wanted, bounds=bounds, everything=request.all)
        for identity in removed:
            if item := before.get(identity):
                yield _record(item)


async def _nothing() -> AsyncGenerator[StatusResponse, None]:
    """The progress of a build of which nothing was kept."""
    messages: tuple[StatusResponse, ...] = ()
    for message in messages:
        yield message


def _outputs(request: SolveRequest) -> Sequence[Output]:
    found = [
        Output(number=number, kind=exporter.type, options=dict(exporter.attrs))
        for number, exporter in enumerate(request.exporters)
    ]
    if not found and request.exporter_deprecated:
        options = dict(request.exporter_attrs_deprecated)
        found.append(Output(number=0, kind=request.exporter_deprecated, options=options))
    return found


def _record_of(request: SolveRequest, outputs: Sequence[Output]) -> BuildHistoryRecord:
    """What is known of a build when it begins."""
    return BuildHistoryRecord(
        ref=request.ref,
        frontend=request.frontend,
        frontend_attrs=request.frontend_attrs,
        exporters=[Exporter(type=output.kind, attrs=output.options) for output in outputs],
    )


def _record(item: CacheUsage) -> UsageRecord:
    record = UsageRecord(
        id=item.id,
        mutable=item.kind != "regular",
        in_use=item.in_use,
        size=item.size_bytes,
        usage_count=item.uses,
        description=item.description,
        record_type=item.kind,
        shared=item.is_shared,
        parents=item.parents,
    )
    record.created_at.FromNanoseconds(item.created_ns)
    record.last_used_at.FromNanoseconds(item.used_ns)
    return record
