"""Streams of progress: a line of JSON each, and a failure half-way as the last of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from engine.api.outbox import closed_after
from engine.errors import EngineError
from engine.wire.codec import encode
from engine.wire.images import ErrorDetail, Progress


async def progress_lines(progress: AsyncIterator[Progress]) -> AsyncGenerator[bytes, None]:
    """The lines of a stream, as they come."""
    async with closed_after(progress) as lines:
        async for line in lines:
            yield encode(line) + b"\r\n"


def error_line(error: Exception) -> bytes:
    """The line that ends a progress stream which failed."""
    message = str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"
    return encode(Progress(error=message, error_detail=ErrorDetail(message=message))) + b"\r\n"
