"""An archive that a client sends in one piece, as the context from its standard input."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final
from urllib.parse import urlsplit

import anyio

from engine.buildkit.messages.control_pb2 import BytesMessage
from engine.buildkit.transport.calls import Client

_METHOD: Final = "/moby.upload.v1.Upload/Pull"
_HOST: Final = "buildkit-session"


def is_upload(address: str) -> bool:
    """Whether the address of a context stands for what the client sends itself."""
    return urlsplit(address).hostname == _HOST


async def uploaded(client: Client, address: str) -> AsyncGenerator[bytes, None]:
    """The bytes behind an address. Raises `CallFailed`."""
    place = urlsplit(address)
    async with client.call(_METHOD, (("urlpath", place.path), ("urlhost", place.netloc))) as call:
        while True:
            try:
                message = await call.receive(BytesMessage)
            except anyio.EndOfStream:
                await call.finish()
                return
            yield message.data
