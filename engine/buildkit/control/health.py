"""gRPC's health service, by which clients see that a connection is alive: it is, as long as it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.buildkit.messages.control_pb2 import HealthCheckRequest, HealthCheckResponse
from engine.buildkit.transport.calls import Call, Handler, unary

_SERVING: Final = 1


def health_handlers() -> Mapping[str, Handler]:
    """What answers its calls."""

    async def check(call: Call, request: HealthCheckRequest) -> HealthCheckResponse:
        return HealthCheckResponse(status=_SERVING)

    return {"/grpc.health.v1.Health/Check": unary(HealthCheckRequest, check)}
