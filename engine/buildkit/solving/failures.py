"""Failed builds in BuildKit's words, with the lines of the Dockerfile that its clients show."""

from __future__ import annotations

import base64
from typing import Final

import msgspec
from google.protobuf.any_pb2 import Any as AnyMessage

from engine.builder.dockerfile.problem import DockerfileError
from engine.builder.failure import StepFailed
from engine.buildkit.messages.gateway_pb2 import RpcStatus
from engine.buildkit.transport.status import CallFailed, Code
from engine.errors import EngineError

# The type by which BuildKit's clients know a place in a file (`solver/errdefs`).
_SOURCE: Final = "github.com/moby/buildkit/errdefs.Source+json"


def words_of(error: BaseException) -> str:
    """What failed, without the place, which comes as a detail."""
    if isinstance(error, StepFailed) and error.exit_code:
        return f'process "{error.command}" did not complete successfully: exit code: {error.exit_code}'
    if isinstance(error, DockerfileError) and error.line:
        return _with_hint(f"dockerfile parse error on line {error.line}: {error.problem}", error.hint)
    if isinstance(error, StepFailed):
        return _with_hint(error.problem, error.hint)
    return str(error) or type(error).__name__


def call_failed(error: Exception, file: str, text: str) -> CallFailed:
    """The end of a call for a build that failed; `file` and `text` are the Dockerfile's name and contents."""
    if isinstance(error, CallFailed):
        return error
    message = words_of(error)
    if not isinstance(error, EngineError):
        return CallFailed(Code.INTERNAL, f"{type(error).__name__}: {message}")
    report = RpcStatus(code=Code.UNKNOWN, message=message)
    if isinstance(error, StepFailed | DockerfileError) and error.line:
        report.details.append(AnyMessage(type_url=_SOURCE, value=source_detail(file, text, error.line)))
    return CallFailed(Code.UNKNOWN, message, report)


def source_detail(file: str, text: str, line: int) -> bytes:
    """A line of a file, with the file, as JSON."""
    place = {"line": line}
    info = {"filename": file, "data": base64.b64encode(text.encode()).decode(), "language": "Dockerfile"}
    return msgspec.json.encode({"info": info, "ranges": [{"start": place, "end": place}]})


def _with_hint(text: str, hint: str | None) -> str:
    return f"{text} (hint: {hint})" if hint else text
