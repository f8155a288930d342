"""`LLBBridge`, the gateway of a job: its client asks for results of the Dockerfile frontend and returns one of them.

BuildKit also lets its clients describe steps of their own and run containers on results. What they get here as the
description of a result (`Definition`) says only which result it is, so that another build can begin with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

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
    Ref,
    Result,
    ReturnRequest,
    ReturnResponse,
    SolveRequest,
    SolveResponse,
)
from engine.buildkit.solving.attributes import read_attributes
from engine.buildkit.transport.calls import Call, Handler, unary
from engine.buildkit.transport.status import CallFailed, Code
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
    "gateway.solve.metadata",
    "gateway.solve.evaluate",
    "gateway.evaluate",
    "importcaches",
)
_STEPS: Final = ("source.image", "source.local", "source.git", "source.http", "file.base", "exporter.multiple")


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
        if request.frontend not in _FRONTENDS:
            raise NotImplementedHere(
                f"this engine builds Dockerfiles, not {request.frontend or 'definitions of steps'}",
                hint="use a builder of BuildKit: docker buildx create --use",
            )
        wanted = read_attributes(request.frontend_opt, job.entitlements)
        given = {name: _address(definition) for name, definition in request.frontend_inputs.items()}
        if wanted.request:
            return SolveResponse(result=Result(metadata=await job.ask(wanted)))
        inputs = {name: given.get(key, "") for name, key in wanted.inputs.items()}
        identity = await job.define(msgspec.structs.replace(wanted, inputs=inputs))
        if request.evaluate:
            await job.built(identity)
        return SolveResponse(result=Result(ref=Ref(id=identity, **{"def": _definition(job.address(identity))})))

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


def _address(definition: Definition) -> str:
    """The result that a client gives back. Raises `CallFailed` for steps that are its own."""
    for step in getattr(definition, "def"):
        if identifier := Op.FromString(step).source.identifier:
            return identifier
    raise CallFailed(Code.UNIMPLEMENTED, "contexts made of steps are not implemented by this engine")
