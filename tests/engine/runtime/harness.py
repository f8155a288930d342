"""What the tests of running containers do again and again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio

from engine.logs.files import LogFiles
from engine.logs.reader import Follow, read_log
from engine.logs.watch import LogWatch
from engine.runtime.console import Console
from engine.runtime.oci.launch import ExecLaunch, ExitStatus, Identity, Launch
from engine.runtime.runtime import Runtime

MakeLaunch = Callable[..., Launch]


async def run_to_end(runtime: Runtime, launch: Launch) -> ExitStatus:
    await runtime.create(launch)
    await runtime.start(launch.container_id)
    with anyio.fail_after(60):
        status = await runtime.wait(launch.container_id)
    await runtime.delete(launch.container_id)
    return status


async def output(launch: Launch) -> str:
    return b"".join([message for _, message in await logged(launch)]).decode()


async def logged(launch: Launch) -> list[tuple[int, bytes]]:
    """What a container has written until now, with the numbers of the streams."""
    assert launch.log_path is not None
    return [(entry.stream, entry.message) async for batch in read_log(LogFiles(launch.log_path)) for entry in batch]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def first_line(launch: Launch) -> bytes:
    """Wait until a container has written something."""
    assert launch.log_path is not None
    watch = LogWatch()
    follow = Follow(watch, anyio.Event())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run)
        with anyio.fail_after(60):
            async with aclosing(read_log(LogFiles(launch.log_path), follow=follow)) as batches:
                batch = await anext(batches)
        tasks.cancel_scope.cancel()
    return batch[0].message


async def read_all(console: Console) -> bytes:
    content = b""
    with anyio.fail_after(60):
        try:
            while True:
                content += (await console.receive())[1]
        except anyio.EndOfStream:
            return content


async def execute(
    runtime: Runtime, launch: Launch, *arguments: str, stdin: bytes | None = None, **fields: Any
) -> tuple[int, bytes]:
    wish: dict[str, Any] = {"environment": ("PATH=/bin",), "identity": Identity(0, 0, (), "/root"), **fields}
    process = await runtime.exec(
        launch.container_id,
        ExecLaunch(arguments=arguments, stdin=stdin is not None, **wish),
    )
    if stdin is not None:
        await process.send(stdin)
        await process.send_eof()
    content = await read_all(process)
    code = await process.wait()
    await process.aclose()
    return code, content


async def started(runtime: Runtime, launch: Launch) -> Launch:
    await runtime.create(launch)
    await runtime.start(launch.container_id)
    return launch
