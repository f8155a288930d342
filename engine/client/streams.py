"""Container calls that stream, or take their connection over."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from engine.client.answers import parsed
from engine.client.calls import Parameters
from engine.client.containers import ContainerCalls, container_path, ended_with
from engine.client.stdio import Hijacked
from engine.client.transport import Transport
from engine.wire.containers import ContainerWaitResponse, ExecStartRequest
from engine.wire.frames import STDOUT, Deframer
from engine.wire.http import quoted
from engine.wire.stats import ContainerStats


class ContainerStreams(ContainerCalls, Transport):
    """`/containers/…/logs`, `attach` and `stats`, and `/exec/…/start`."""

    async def container_logs(  # noqa: PLR0913  # the endpoint's parameters
        self,
        container: str,
        *,
        tty: bool,
        follow: bool = False,
        tail: str = "all",
        since: str = "",
        until: str = "",
        timestamps: bool = False,
    ) -> AsyncGenerator[tuple[int, bytes], None]:
        """Pieces of output with their stream; a piece is not always a line. Times as RFC 3339 or Unix seconds."""
        parameters: Parameters = {
            "stdout": True, "stderr": True, "follow": follow, "tail": tail, "since": since, "until": until,
            "timestamps": timestamps,
        }  # fmt: skip
        deframer = Deframer()
        async with self.open("GET", container_path(container, "logs"), parameters) as answer:
            async for chunk in answer.chunks():
                for piece in [(STDOUT, chunk)] if tty else deframer.feed(chunk):
                    yield piece

    async def attach_container(
        self,
        container: str,
        *,
        tty: bool,
        stdin: bool = False,
        logs: bool = False,
        detach_keys: str = "",
    ) -> Hijacked:
        """Take part in its stdio from now on (or from its beginning: `logs`), also before it is started."""
        parameters: Parameters = {
            "stream": True, "stdout": True, "stderr": True, "stdin": stdin, "logs": logs, "detachKeys": detach_keys,
        }  # fmt: skip
        return await self.hijack(container_path(container, "attach"), parameters, is_tty=tty)

    @asynccontextmanager
    async def awaiting_container(
        self, container: str, condition: str
    ) -> AsyncGenerator[Callable[[], Awaitable[int]], None]:
        """`wait_container`, to be called in the block. The wait stands when the block begins: no end inside is missed,
        not even that of a container which is gone with it.
        """

        async def exit_code() -> int:
            return ended_with(parsed(await answer.body(), ContainerWaitResponse))

        async with self.open("POST", container_path(container, "wait"), {"condition": condition}) as answer:
            yield exit_code

    async def container_stats(self, container: str, *, stream: bool) -> AsyncGenerator[ContainerStats, None]:
        """What it uses: once a second until it is gone (`stream`), or one sample after a second."""
        async with self.open("GET", container_path(container, "stats"), {"stream": str(int(stream))}) as answer:
            async for sample in answer.lines(ContainerStats):
                yield sample

    async def start_exec(self, exec_id: str, request: ExecStartRequest) -> Hijacked:
        """Start it and take part in its stdio. Its exit code is in `inspect_exec` once the output ended."""
        return await self.hijack(f"/exec/{quoted(exec_id)}/start", body=request, is_tty=request.tty)
