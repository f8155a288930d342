"""Connecting to an engine: over a unix socket, TCP with or without certificates, or somebody's ssh."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult

import anyio
import anyio.abc

from engine.client.errors import EngineUnreachable
from engine.client.sockets import quick
from engine.client.targets import Certificates, Target
from engine.client.tls import HalfClosingStream

# The other side's shell looks for our engine first: where it is, Docker's program may be there as well.
_REMOTE_COMMAND: Final = (
    "command -v pycompose-engine >/dev/null 2>&1 && exec pycompose-engine dial-stdio; exec docker system dial-stdio"
)
_PLAIN_PORT: Final = 2375
_TLS_PORT: Final = 2376


async def dial(target: Target) -> anyio.abc.ByteStream:
    """Connect. Raises `EngineUnreachable`."""
    parts = target.parts()
    try:
        if parts.scheme == "unix":
            return quick(await anyio.connect_unix(parts.path))
        if parts.scheme == "ssh":
            return await _over_ssh(parts)
        return await _over_tcp(parts, target.certificates)
    except OSError as exc:  # ssl.SSLError as well
        raise EngineUnreachable(target.address, exc.strerror or str(exc)) from exc


async def _over_tcp(parts: SplitResult, certificates: Certificates | None) -> anyio.abc.ByteStream:
    host = parts.hostname or "localhost"
    if certificates is None and parts.scheme != "https":
        return await anyio.connect_tcp(host, parts.port or _PLAIN_PORT)
    context = (certificates or Certificates()).context()
    # Docker's engines close without TLS's farewell.
    stream = await anyio.connect_tcp(host, parts.port or _TLS_PORT, ssl_context=context, tls_standard_compatible=False)
    return HalfClosingStream(stream)


class ChildStream(anyio.abc.ByteStream):
    """What a child process reads and writes. The child ends with the stream; its complaints go to our stderr."""

    def __init__(self, child: anyio.abc.Process) -> None:
        self._child = child
        assert child.stdin is not None
        assert child.stdout is not None
        self._input = child.stdin
        self._output = child.stdout

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._output.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        await self._input.send(item)

    async def send_eof(self) -> None:
        await self._input.aclose()

    async def aclose(self) -> None:
        if self._child.returncode is None:
            self._child.terminate()
        with anyio.CancelScope(shield=True):
            await self._child.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return {}


def ssh_command(parts: SplitResult) -> list[str]:
    """How the engine behind `ssh://[user@]host[:port]` is reached."""
    words = ["ssh", "-o", "ConnectTimeout=30", "-T"]
    if parts.username:
        words += ["-l", parts.username]
    if parts.port:
        words += ["-p", str(parts.port)]
    # Behind `--` a host that begins with a dash is no option.
    return [*words, "--", parts.hostname or "", f"sh -c '{_REMOTE_COMMAND}'"]


async def _over_ssh(parts: SplitResult) -> anyio.abc.ByteStream:
    pipe = subprocess.PIPE
    return ChildStream(await anyio.open_process(ssh_command(parts), stdin=pipe, stdout=pipe, stderr=None))
