"""`LLBBridge`, the gateway of a job: its client asks for results of the Dockerfile frontend and returns one of them.

BuildKit also lets its clients describe steps of their own and run containers on results. What they get here as the
description of a result (`Definition`) says only which result it is, so that another build can begin with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

import anyio.to_thread
import msgspec

from engine.buildkit.control.jobs import Job, Jobs
from engine.buildkit.messages.control_pb2 import Definition, Input, Op, OpMetadata, SourceOp, WorkerRecord
from engine.buildkit.messages.gateway_pb2 import (
    APICap,
    EvaluateRequest,
    EvaluateResponse,
    InputsResponse,
    PingRequest,
    PongResponse,
    ReadFileRequest,
    ReadFileResponse,
    Ref,
    Result,
    ReturnRequest,
    ReturnResponse,
    SolveRequest,
    SolveResponse,
    StatFileRequest,
    StatFileResponse,
)
from engine.buildkit.messages.session_pb2 import Stat
from engine.buildkit.solving.attributes import read_attributes
from engine.buildkit.solving.fetched import read, remote_address, size_bytes, source_of
from engine.buildkit.transport.calls import Call, Handler, unary
from engine.errors import NotImplementedHere

_SERVICE: Final = "/moby.buildkit.v1.frontend.LLBBridge"
_BUILD: Final = "buildkit-controlapi-buildid"
_FRONTENDS: Final = ("dockerfile.v0", "gateway.v0")
# What this gateway can do of BuildKit's (`frontend/gateway/pb/caps.go`), and what its results may have.
_CAPABILITIES: Final = (
    "solve.base",
    "return",
    "returnmap",
    "proto.refarray",
    "reference.output",
    "frontend.inputs",
    "frontend.caps",
    "readfile",
    "statfile",
    "gateway.solve.metadata",
    "gateway.solve.evaluate",
    "gateway.evaluate",
    "importcaches",
)
_STEPS: Final = (
    "source.image",
    "source.local",
    "source.git",
    "source.git.fullurl",
    "source.http",
    "constraints",
    "platform",
    "meta.description",
    "file.base",
    "exporter.multiple",
)
_CONTEXT: Final = "context"


class Gateway:
    """Of one engine."""

    def __init__(self, jobs: Jobs, workers: Callable[[], WorkerRecord]) -> None:
        self._jobs = jobs
        self._workers = workers

    def handlers(self) -> Mapping[str, Handler]:
        """What answers its calls."""
        return {
            f"{_SERVICE}/Ping": unary(PingRequest, self._ping),
            f"{_SERVICE}/Solve": unary(SolveRequest, self._solve),
            f"{_SERVICE}/ReadFile": unary(ReadFileRequest, self._read_file),
            f"{_SERVICE}/StatFile": unary(StatFileRequest, self._stat_file),
            f"{_SERVICE}/Evaluate": unary(EvaluateRequest, self._evaluate),
            f"{_SERVICE}/Inputs": unary(PingRequest, self._inputs),
            f"{_SERVICE}/Return": unary(ReturnRequest, self._return),
        }

    async def _job(self, call: Call) -> Job:
        return await self._jobs.get(call.value(_BUILD))

    async def _ping(self, call: Call, request: PingRequest) -> PongResponse:
        await self._job(call)
        return PongResponse(
            frontend_api_caps=[APICap(id=name, enabled=True) for name in _CAPABILITIES],
            llb_caps=[APICap(id=name, enabled=True) for name in _STEPS],
            workers=[self._workers()],
        )

    async def _solve(self, call: Call, request: SolveRequest) -> SolveResponse:
        job = await self._job(call)
        if not request.frontend:
            fetched = await job.fetch(source_of(request.definition))
            return SolveResponse(result=Result(ref=Ref(id=fetched, **{"def": request.definition})))
        if request.frontend not in _FRONTENDS:
            raise NotImplementedHere(f"this engine builds Dockerfiles, not {request.frontend}")
        given = {name: source_of(definition) for name, definition in request.frontend_inputs.items()}
        attributes = dict(request.frontend_opt)
        if address := remote_address(given[_CONTEXT]) if _CONTEXT in given else "":
            attributes[_CONTEXT] = address  # of a bake file that is elsewhere itself
        wanted = read_attributes(attributes, job.entitlements)
        if wanted.request:
            return SolveResponse(result=Result(metadata=await job.ask(wanted)))
        inputs = {name: given[key].identifier if key in given else "" for name, key in wanted.inputs.items()}
        identity = await job.define(msgspec.structs.replace(wanted, inputs=inputs))
        if request.evaluate:
            await job.built(identity)
        return SolveResponse(result=Result(ref=Ref(id=identity, **{"def": _definition(job.address(identity))})))

    async def _read_file(self, call: Call, request: ReadFileRequest) -> ReadFileResponse:
        root = (await self._job(call)).root(request.ref)
        data = await anyio.to_thread.run_sync(read, root, request.file_path)
        start, length = request.range.offset, request.range.length
        return ReadFileResponse(data=data[start : start + length] if length else data[start:])

    async def _stat_file(self, call: Call, request: StatFileRequest) -> StatFileResponse:
        root = (await self._job(call)).root(request.ref)
        size = await anyio.to_thread.run_sync(size_bytes, root, request.path)
        return StatFileResponse(stat=Stat(path=request.path, mode=0o644, size=size))

    async def _evaluate(self, call: Call, request: EvaluateRequest) -> EvaluateResponse:
        await (await self._job(call)).built(request.ref)
        return EvaluateResponse()

    async def _inputs(self, call: Call, request: PingRequest) -> InputsResponse:
        return InputsResponse()

    async def _return(self, call: Call, request: ReturnRequest) -> ReturnResponse:
        (await self._job(call)).take(request)
        return ReturnResponse()


def _definition(address: str) -> Definition:
    """A result as the last of a graph of steps, which has to be one that names nothing but what is before it."""
    source = Op(source=SourceOp(identifier=address)).SerializeToString(deterministic=True)
    digest = f"sha256:{hashlib.sha256(source).hexdigest()}"
    last = Op(inputs=[Input(digest=digest)]).SerializeToString(deterministic=True)
    return Definition(**{"def": [source, last]}, metadata={digest: OpMetadata()})
