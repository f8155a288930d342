"""How calls fail: gRPC's codes, messages and details, as exceptions and as trailers."""

from __future__ import annotations

import base64
import binascii
from enum import IntEnum
from typing import Final
from urllib.parse import quote, unquote

from google.protobuf.message import DecodeError

from engine.buildkit.messages.gateway_pb2 import RpcStatus
from engine.buildkit.transport.http2 import Headers
from engine.errors import EngineError

_PLAIN: Final = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


class Code(IntEnum):
    """gRPC's status codes, those that matter here."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class CallFailed(EngineError):
    """A call that failed, here or on the other side. `status` of HTTP does not matter; `report` is gRPC's."""

    def __init__(self, code: int, message: str, report: RpcStatus | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.report = report or RpcStatus(code=code, message=message)


def trailers_of(error: CallFailed | None) -> Headers:
    """The trailers that end a call."""
    if error is None:
        return (("grpc-status", "0"),)
    report = base64.b64encode(error.report.SerializeToString()).decode().rstrip("=")
    return (
        ("grpc-status", str(int(error.code))),
        ("grpc-message", quote(error.message, safe=_PLAIN)),
        ("grpc-status-details-bin", report),
    )


def failure_of(trailers: Headers) -> CallFailed | None:
    """What the trailers of an ended call say, None for success."""
    found = dict(trailers)
    code = found.get("grpc-status", str(int(Code.INTERNAL)))
    if code == "0":
        return None
    message = unquote(found.get("grpc-message", "")) or f"the call ended with {code}"
    return CallFailed(int(code) if code.isdecimal() else Code.UNKNOWN, message, _report(found))


def _report(found: dict[str, str]) -> RpcStatus | None:
    text = found.get("grpc-status-details-bin", "")
    if not text:
        return None
    try:
        return RpcStatus.FromString(base64.b64decode(text + "=" * (-len(text) % 4)))
    except (DecodeError, binascii.Error):
        return None  # the message is there all the same
