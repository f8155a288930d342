"""Containers without processes: what the tests say happens to them happens."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from engine.errors import Conflict, EngineError, NoSuchContainer
from engine.runtime.console import Console
from engine.runtime.oci.launch import ExecLaunch, ExitStatus, Launch
from engine.wire.containers import HostConfig


@dataclass(slots=True)
class _Process:
    launch: Launch
    is_started: bool = False
    is_paused: bool = False
    status: ExitStatus | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)


class FakeExec:
    """A process that says something and ends."""

    def __init__(self, exit_code: int, output: bytes) -> None:
        self.pid = 4242
        self._exit_code = exit_code
        self._output = [output] if output else []

    async def receive(self) -> tuple[int, bytes]:
        if not self._output:
            raise anyio.EndOfStream
        return 1, self._output.pop()

    async def send(self, data: bytes) -> None:
        self._output.append(data)

    async def send_eof(self) -> None:
        return

    async def wait(self) -> int:
        return self._exit_code

    async def resize(self, height: int, width: int) -> None:
        return

    async def aclose(self) -> None:
        return


class _Echo:
    """A console whose input is its output."""

    def __init__(self, process: _Process) -> None:
        self._process = process
        self._send, self._receive = anyio.create_memory_object_stream[bytes](100)

    async def receive(self) -> tuple[int, bytes]:
        return 1, await self._receive.receive()

    async def send(self, data: bytes) -> None:
        await self._send.send(data)

    async def send_eof(self) -> None:
        self._send.close()

    def close(self) -> None:
        self._send.close()
        self._receive.close()


class FakeRuntime:
    """A runtime in memory. `fail_next` makes the next call of a method raise; SIGKILL and `mortal` signals end."""

    def __init__(self) -> None:
        self.processes: dict[str, _Process] = {}
        self.mortal = {9, 15}
        self.signals: list[tuple[str, int]] = []
        self.fail_next: dict[str, Exception] = {}
        self.exec_result: tuple[int, bytes] = (0, b"")
        self.reopened: list[str] = []
        self.exec_gate = anyio.Event()
        self.exec_gate.set()
        self.create_gate = anyio.Event()
        self.create_gate.set()
        self.creating = anyio.Event()
        self.checkpoint_gate = anyio.Event()
        self.checkpoint_gate.set()
        self.checkpointing = anyio.Event()
        self._next_pid = 1_000_000

    def end(self, container_id: str, exit_code: int = 0, *, oom_killed: bool = False) -> None:
        """Let a container's process end."""
        process = self.processes[container_id]
        if process.status is None:
            process.status = ExitStatus(exit_code, oom_killed, time.time_ns())
            process.ended.set()

    def runtimes(self) -> Mapping[str, Path]:
        return {"crun": Path("/usr/bin/crun")}

    async def create(self, launch: Launch) -> int:
        self._perhaps_fail("create")
        self.creating.set()
        await self.create_gate.wait()
        if launch.container_id in self.processes:
            raise Conflict("exists")
        self.processes[launch.container_id] = _Process(launch)
        self._next_pid += 1
        return self._next_pid

    async def start(self, container_id: str) -> None:
        self._perhaps_fail("start")
        self.processes[container_id].is_started = True

    async def kill(self, container_id: str, signal: int) -> None:
        process = self.processes.get(container_id)
        if process is None or process.status is not None:
            raise Conflict(f"Container {container_id} is not running")
        self.signals.append((container_id, signal))
        if signal in self.mortal and not process.is_paused:
            self.end(container_id, 128 + signal)

    async def pause(self, container_id: str) -> None:
        self.processes[container_id].is_paused = True

    async def resume(self, container_id: str) -> None:
        process = self.processes[container_id]
        process.is_paused = False
        if self.signals and self.signals[-1][0] == container_id and self.signals[-1][1] in self.mortal:
            self.end(container_id, 128 + self.signals[-1][1])

    async def require_checkpoints(self, runtime: str) -> None:
        self._perhaps_fail("require_checkpoints")

    async def checkpoint(self, container_id: str, images: Path, *, lock: int) -> None:
        self._perhaps_fail("checkpoint")
        assert self.processes[container_id].is_paused
        os.fstat(lock)
        (images / "pages-1.img").write_bytes(b"memory")
        self.checkpointing.set()
        await self.checkpoint_gate.wait()

    def kill_frozen(self, container_id: str) -> None:
        self.processes[container_id].is_paused = False
        self.end(container_id, 137)

    def has_process(self, container_id: str) -> bool:
        process = self.processes.get(container_id)
        return process is not None and process.status is None

    def is_frozen(self, container_id: str) -> bool:
        return self.processes[container_id].is_paused

    async def wait(self, container_id: str) -> ExitStatus:
        process = self.processes.get(container_id)
        if process is None:
            raise NoSuchContainer(container_id)
        await process.ended.wait()
        assert process.status is not None
        return process.status

    async def adopt(self, container_id: str) -> int | ExitStatus | None:
        process = self.processes.get(container_id)
        return None if process is None else process.status or 1_000_000

    async def delete(self, container_id: str, *, also: Callable[[], None] = lambda: None) -> None:
        self._perhaps_fail("delete")
        also()
        process = self.processes.pop(container_id, None)
        if process is not None:
            process.ended.set()

    @asynccontextmanager
    async def attach(self, container_id: str) -> AsyncIterator[Console]:
        self._perhaps_fail("attach")
        if container_id not in self.processes:
            raise NoSuchContainer(container_id)
        console = _Echo(self.processes[container_id])
        try:
            yield console
        finally:
            console.close()

    def reopen_log(self, container_id: str) -> None:
        self.reopened.append(container_id)

    async def resize(self, container_id: str, height: int, width: int) -> None:
        return

    async def exec(self, container_id: str, launch: ExecLaunch) -> FakeExec:
        self._perhaps_fail("exec")
        await self.exec_gate.wait()
        return FakeExec(*self.exec_result)

    async def pids(self, container_id: str) -> list[int]:
        return [1]

    def cgroup_of(self, container_id: str) -> str:
        return f"/nowhere/{container_id}"

    async def update(self, container_id: str, host_config: HostConfig) -> None:
        return

    async def recover(self, known: Collection[str]) -> None:
        for container_id in set(self.processes) - set(known):
            await self.delete(container_id)

    def _perhaps_fail(self, method: str) -> None:
        if error := self.fail_next.pop(method, None):
            raise error


def trouble(words: str = "trouble") -> EngineError:
    """An error for `fail_next`."""
    return EngineError(words)
