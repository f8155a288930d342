"""A container's output and input: attaching, also before its start, and its log."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio

from engine.containers.container import Attachment, Container
from engine.containers.drivers import Drivers
from engine.containers.life.lifecycle import Status
from engine.containers.streams.logs import Logs
from engine.containers.streams.options import AttachOptions, LogOptions
from engine.errors import Conflict, EngineError
from engine.logs.k8s_file import LogEntry
from engine.runtime.console import Console


class AttachedClient:
    """What an attached client sees: past output, then the console once there is one."""

    def __init__(self, options: AttachOptions, past: AsyncGenerator[list[LogEntry], None] | None) -> None:
        self._options = options
        self._past = past
        self._read: list[LogEntry] = []
        self._console: Console | None = None
        self._connected = anyio.Event()

    def connect(self, console: Console | None) -> None:
        """The console is there, or (None) will not come."""
        self._console = console
        self._connected.set()

    async def receive(self) -> tuple[int, bytes]:
        """The next output. Raises `anyio.EndOfStream`."""
        if (entry := await self._next_past()) is not None:
            return entry.stream, entry.message
        if not self._options.stream:
            raise anyio.EndOfStream
        wanted = {1: self._options.stdout, 2: self._options.stderr}
        console = await self._ready()
        while True:
            stream, data = await console.receive()
            if wanted.get(stream, True):
                return stream, data

    async def send(self, data: bytes) -> None:
        """Write to the container's stdin, if the client attached it."""
        if self._options.stdin and self._options.stream:
            await (await self._ready()).send(data)

    async def send_eof(self) -> None:
        """End the container's stdin, if the client attached it."""
        if self._options.stdin and self._options.stream:
            await (await self._ready()).send_eof()

    async def forget_past(self) -> None:
        """Let go of the log, read to its end or not."""
        if self._past is not None:
            with anyio.CancelScope(shield=True):
                await self._past.aclose()
            self._past = None

    async def _next_past(self) -> LogEntry | None:
        if not self._read and self._past is not None:
            self._read = (await anext(self._past, []))[::-1]
            if not self._read:
                self._past = None
        return self._read.pop() if self._read else None

    async def _ready(self) -> Console:
        await self._connected.wait()
        if self._console is None:
            raise anyio.EndOfStream
        return self._console


class Streams:
    """Attaching."""

    def __init__(self, drivers: Drivers, logs: Logs) -> None:
        self._drivers = drivers
        self._logs = logs

    @asynccontextmanager
    async def attach(self, container: Container, options: AttachOptions) -> AsyncIterator[Console]:
        """Attach to a container; one that does not run yet is attached to as soon as it is started.

        Raises `Conflict` for one that is paused or waits for its restart.
        """
        if container.status is Status.PAUSED:
            raise Conflict(f"container {container.id} is paused, unpause the container before attach")
        if container.status is Status.RESTARTING:
            raise Conflict(f"container {container.id} is restarting, wait until the container is running")
        logs = LogOptions(stdout=options.stdout, stderr=options.stderr)
        client = AttachedClient(options, self._logs.read(container, logs) if options.logs else None)
        try:
            async with anyio.create_task_group() as tasks:
                if options.stream:
                    await tasks.start(self._connect, container, client)
                try:
                    yield client
                finally:
                    tasks.cancel_scope.cancel()
                    await client.forget_past()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # the caller's own, such as that its client is gone

    async def _connect(
        self, container: Container, client: AttachedClient, *, task_status: anyio.abc.TaskStatus[None]
    ) -> None:
        """Hold the console open for as long as the client stays: entered and left in one task."""
        attachment = Attachment()
        async with AsyncExitStack() as stack:
            stack.callback(client.connect, None)
            stack.callback(attachment.is_settled.set)
            console: Console | None
            if container.is_alive:
                console = await self._enter(stack, container)
                task_status.started()
            else:
                container.attachments.add(attachment)
                stack.callback(container.attachments.discard, attachment)
                task_status.started()
                await attachment.may_connect.wait()
                console = await self._enter(stack, container)
            if console is None:
                return
            client.connect(console)
            attachment.is_settled.set()
            container.attachments.discard(attachment)
            await anyio.sleep_forever()

    async def _enter(self, stack: AsyncExitStack, container: Container) -> Console | None:
        # It has just ended, or its start goes on without a client that cannot be attached: that sees the end.
        with contextlib.suppress(EngineError):
            return await stack.enter_async_context(self._drivers.runtime.attach(container.id))
        return None
