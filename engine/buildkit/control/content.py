"""containerd's content service, as far as clients of BuildKit need it: they read documents about builds by digest."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Final

from engine.buildkit.control.history import History
from engine.buildkit.messages.content_pb2 import (
    Info,
    InfoRequest,
    InfoResponse,
    ReadContentRequest,
    ReadContentResponse,
)
from engine.buildkit.transport.calls import Call, Handler, streaming, unary

_SERVICE: Final = "/containerd.services.content.v1.Content"
_CHUNK_BYTES: Final = 1024 * 1024


def content_handlers(history: History) -> Mapping[str, Handler]:
    """What answers its calls."""

    async def info(call: Call, request: InfoRequest) -> InfoResponse:
        size = len(await history.document(request.digest))
        return InfoResponse(info=Info(digest=request.digest, size=size))

    async def read(call: Call, request: ReadContentRequest) -> AsyncGenerator[ReadContentResponse, None]:
        document = await history.document(request.digest)
        end = request.offset + request.size if request.size > 0 else len(document)
        for start in range(request.offset, min(end, len(document)), _CHUNK_BYTES):
            piece = document[start : min(end, start + _CHUNK_BYTES)]
            yield ReadContentResponse(offset=start, data=piece)

    return {f"{_SERVICE}/Info": unary(InfoRequest, info), f"{_SERVICE}/Read": streaming(ReadContentRequest, read)}
