"""Connecting to an engine: over a unix socket, TCP with or without certificates, or somebody's ssh."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import anyio
import anyio.abc
from msgspec import Struct

from engine.client.errors import EngineUnreachable
from engine.client.sockets import quick
from engine.client.tls import HalfClosingStream

# The other side's shell looks for our engine first: where it is, Docker's program may be there as well.
_REMOTE_COMMAND: Final = (
    "command -v pycompose-engine >/dev/null 2>&1 && exec pycompose-engine dial-stdio; exec docker system dial-stdio"
)
_HOW_IT_LOOKS: Final = "an address looks like unix:///path, tcp://host:port or ssh://user@host"
_PLAIN_PORT: Final = 2375
_TLS_PORT: Final = 2376


class Certificates(Struct, frozen=True):
    """Files for TLS; empty paths are left out. `is_verified`: whether the engine has to prove who it is."""

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    is_verified: bool = True

    def context(self) -> ssl.SSLContext:
        """For one client. Raises `OSError` (of which `ssl.SSLError` is one) for files that cannot be used."""
        context = ssl.create_default_context(cafile=self.authority)
        context.set_alpn_protocols(["http/1.1"])
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


class Target(Struct, frozen=True):
    """An engine: `unix:///path`, `tcp://host:port` or `ssh://user@host`, and certificates for TCP."""

    address: str
    certificates: Certificates | None = None

    def check(self) -> None:
        """Raises `EngineUnreachable` for an address that `dial` cannot understand."""
        parts = self._parts()
        is_unix = parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")
        is_tcp = parts.scheme in ("tcp", "http", "https") and bool(parts.hostname) and parts.path in ("", "/")
        is_ssh = parts.scheme == "ssh" and bool(parts.hostname) and parts.password is None
        if not (is_unix or is_tcp or is_ssh):
            raise EngineUnreachable(self.address, _HOW_IT_LOOKS)

    async def dial(self) -> anyio.abc.ByteStream:
        """Connect. Raises `EngineUnreachable`."""
        parts = self._parts()
        try:
            if parts.scheme == "unix":
                return quick(await anyio.connect_unix(parts.path))
            if parts.scheme == "ssh":
                return await _over_ssh(parts)
            return await self._over_tcp(parts)
        except OSError as exc:  # ssl.SSLError as well
            raise EngineUnreachable(self.address, exc.strerror or str(exc)) from exc

    async def _over_tcp(self, parts: SplitResult) -> anyio.abc.ByteStream:
        host = parts.hostname or "localhost"
        if self.certificates is None and parts.scheme != "https":
            return await anyio.connect_tcp(host, parts.port or _PLAIN_PORT)
        context = (self.certificates or Certificates()).context()
        # Docker's engines close without TLS's farewell.
        stream = await anyio.connect_tcp(
            host, parts.port or _TLS_PORT, ssl_context=context, tls_standard_compatible=False
        )
        return HalfClosingStream(stream)

    def _parts(self) -> SplitResult:
        try:
            parts = urlsplit(self.address)
            _ = parts.port  # is checked here
        except ValueError as exc:
            raise EngineUnreachable(self.address, f"{_HOW_IT_LOOKS} ({exc})") from exc
        return parts


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
