"""Further processes in running containers (`docker exec`): created, started once, inspected, forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import anyio
import anyio.abc
from msgspec import UNSET, Struct, field

from engine.containers.container import Container, Run
from engine.containers.drivers import Drivers, Exec
from engine.containers.ledger import Ledger
from engine.containers.life.lifecycle import Status
from engine.containers.making.config import effective_environment, process_environment
from engine.containers.making.linked import linked
from engine.containers.record import ContainerRecord
from engine.errors import BadRequest, Conflict, EngineError, NoSuchExec, RuntimeFailure, Unavailable
from engine.runtime.oci.launch import ExecLaunch
from engine.runtime.oci.users import resolve_identity
from engine.state.names import new_id
from engine.wire.containers import (
    ExecCreateRequest,
    ExecInspect,
    ExecProcessConfig,
    ExecStartRequest,
    IdResponse,
)

# As long as Docker does.
_READY_SECONDS: Final = 10.0
_REMEMBERED: Final = 512


class _Instance(Struct):
    """One exec. `exit_code` is set before `ended`; who comes later of `ended` and `left` closes the process's ends."""

    id: str
    container_id: str
    request: ExecCreateRequest
    run: Run | None
    process: Exec | None = None
    is_started: bool = False
    exit_code: int | None = None
    ready: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)
    # Nobody reads its output, or any more.
    left: anyio.Event = field(default_factory=anyio.Event)

    @property
    def command(self) -> str:
        """As Docker's events have it: the program, a space, and the arguments, of which there may be none."""
        program, *arguments = self.request.cmd
        return f"{program} {' '.join(arguments)}"

    def is_of(self, run: Run | None) -> bool:
        """Whether it was started at all, or still can be in this run of the container."""
        return self.is_started or self.run is run

    def begin(self, process: Exec) -> None:
        self.process = process
        self.ready.set()

    def end(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.ended.set()
        self.ready.set()  # for those who wait for a process that never came


class ExecSession:
    """The stdio of a started exec. When its output ends, its exit code is known."""

    def __init__(self, process: Exec, instance: _Instance) -> None:
        self._process = process
        self._instance = instance
        self.pid = process.pid

    async def receive(self) -> tuple[int, bytes]:
        """The next output. Raises `anyio.EndOfStream` after the process has ended."""
        try:
            return await self._process.receive()
        except anyio.EndOfStream:
            await self._instance.ended.wait()
            raise

    async def send(self, data: bytes) -> None:
        """Write to stdin. Raises `anyio.BrokenResourceError`."""
        await self._process.send(data)

    async def send_eof(self) -> None:
        """End stdin."""
        await self._process.send_eof()

    async def wait(self) -> int:
        """The exit code."""
        return await self._process.wait()

    async def resize(self, height: int, width: int) -> None:
        """Set the terminal's size."""
        await self._process.resize(height, width)

    async def aclose(self) -> None:
        """Let go of the stdio. The process goes on, as in Docker: nothing hangs up its terminal."""
        self._instance.left.set()
        if self._instance.ended.is_set():
            await self._process.aclose()
        else:
            await self._process.send_eof()


class Execs:
    """The execs of one engine. They are not remembered over an engine restart, as in Docker."""

    def __init__(self, drivers: Drivers, ledger: Ledger) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._instances: dict[str, _Instance] = {}
        self.tasks: anyio.abc.TaskGroup | None = None

    def create(self, name: str, request: ExecCreateRequest) -> IdResponse:
        """Prepare a process.

        Raises `Conflict` unless the container runs, `BadRequest` without a command or for an unknown user.
        """
        container = self._ledger.get(name)
        check_can_exec(container, name)
        if not request.cmd:
            raise BadRequest("No exec command specified")
        try:
            exec_launch(container.record, request)
        except RuntimeFailure as exc:
            raise BadRequest(exc.message) from exc
        self._forget_old()
        instance = _Instance(new_id(), container.id, request, container.run)
        self._instances[instance.id] = instance
        self._ledger.publish(container, f"exec_create: {instance.command}", execID=instance.id)
        return IdResponse(id=instance.id)

    async def start(self, exec_id: str, request: ExecStartRequest) -> ExecSession | None:
        """Run a prepared process; returns its stdio, or None when detached.

        Raises `Conflict` if it was started before, `RuntimeFailure` where it cannot be run.
        """
        instance = self._get(exec_id)
        if instance.is_started:
            state = "has already run" if instance.ended.is_set() else "is already running"
            raise Conflict(f"exec command {instance.id} {state}")
        container = self.check(exec_id)
        if self.tasks is None:
            raise Unavailable("the engine is not running yet")
        instance.is_started = True
        self._ledger.publish(container, f"exec_start: {instance.command}", execID=exec_id)
        more = linked(self._ledger, self._drivers, container.record).variables
        console_size = request.console_size or instance.request.console_size
        launch = exec_launch(container.record, instance.request, console_size, more)
        try:
            process = await self._drivers.runtime.exec(container.id, launch)
        except RuntimeFailure as exc:
            instance.end(exc.exit_code)  # nothing died: there is no event of it
            raise
        except BaseException:
            instance.end(128)
            raise
        instance.begin(process)
        # It is None if the engine ended meanwhile, and its clients with it.
        if self.tasks is not None:  # pyright: ignore[reportUnnecessaryComparison]
            self.tasks.start_soon(self._watch, container, instance, process)
        if request.detach:
            instance.left.set()
            return None
        return ExecSession(process, instance)

    def check(self, exec_id: str) -> Container:
        """The container of an exec, which can have it run now. Raises `NoSuchExec` and `Conflict`."""
        container = self._ledger.get(self._get(exec_id).container_id)
        check_can_exec(container)
        return container

    def inspect(self, exec_id: str) -> ExecInspect:
        """What is known of an exec. Raises `NoSuchExec`."""
        instance = self._get(exec_id)
        request = instance.request
        return ExecInspect(
            id=instance.id,
            running=instance.process is not None and not instance.ended.is_set(),
            exit_code=instance.exit_code,
            process_config=ExecProcessConfig(
                tty=request.tty,
                entrypoint=request.cmd[0],
                arguments=request.cmd[1:],
                privileged=request.privileged,
                user=request.user or UNSET,
            ),
            open_stdin=request.attach_stdin,
            open_stdout=request.attach_stdout,
            open_stderr=request.attach_stderr,
            container_id=instance.container_id,
            detach_keys=request.detach_keys,
            pid=instance.process.pid if instance.process else 0,
        )

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        """Set the size of an exec's terminal. Clients say it while the exec is being started, which is waited for.

        Raises `Conflict` if it has ended, `EngineError` if nobody starts it.
        """
        instance = self._get(exec_id)
        with anyio.move_on_after(_READY_SECONDS) as limit:
            await instance.ready.wait()
        if limit.cancelled_caught:
            raise EngineError("timeout waiting for exec session ready")
        if instance.process is None or instance.ended.is_set():
            raise Conflict(f"exec process {exec_id} is not running")
        await instance.process.resize(height, width)

    def is_tty(self, exec_id: str) -> bool:
        """Whether an exec has a terminal."""
        return self._get(exec_id).request.tty

    def ids_of(self, container_id: str) -> list[str]:
        """The execs of a container that run or may still be started."""
        container = self._ledger.get(container_id)
        return [
            instance.id
            for instance in self._instances.values()
            if instance.container_id == container_id and not instance.ended.is_set() and instance.is_of(container.run)
        ]

    def forget(self, container_id: str) -> None:
        """Forget the execs of a removed container."""
        self._drop(lambda instance: instance.container_id == container_id)

    async def _watch(self, container: Container, instance: _Instance, process: Exec) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_drain, process, instance.left)
            exit_code = await process.wait()
            tasks.cancel_scope.cancel()
        if instance.left.is_set():
            await process.aclose()
        self._end(container, instance, exit_code)

    def _end(self, container: Container, instance: _Instance, exit_code: int) -> None:
        instance.end(exit_code)
        if container in self._ledger:
            self._ledger.publish(container, "exec_die", execID=instance.id, exitCode=str(exit_code))

    def _get(self, exec_id: str) -> _Instance:
        instance = self._instances.get(exec_id)
        if instance is None:
            matches = [one for key, one in self._instances.items() if exec_id and key.startswith(exec_id)]
            if len(matches) != 1:
                raise NoSuchExec(exec_id)
            instance = matches[0]
        container = self._ledger.get(instance.container_id)
        if not instance.is_of(container.run):
            raise NoSuchExec(exec_id)  # it was prepared for a run that is over
        return instance

    def _forget_old(self) -> None:
        if len(self._instances) >= _REMEMBERED:
            self._drop(lambda instance: instance.ended.is_set())

    def _drop(self, is_unwanted: Callable[[_Instance], bool]) -> None:
        self._instances = {key: one for key, one in self._instances.items() if not is_unwanted(one)}


def check_can_exec(container: Container, name: str = "") -> None:
    """Raise `Conflict` unless a process can be added to the container (which the client calls `name`)."""
    if container.status is Status.PAUSED:
        raise Conflict(f"Container {name or container.id} is paused, unpause the container before exec")
    if container.status is Status.RESTARTING:
        raise Conflict(f"Container {container.id} is restarting, wait until the container is running")
    if not container.is_alive:
        raise Conflict(f"container {container.id} is not running")


def exec_launch(
    record: ContainerRecord,
    request: ExecCreateRequest,
    console_size: list[int] | None = None,
    more: Sequence[str] = (),
) -> ExecLaunch:
    """What the runtime is asked for, with `more` variables; reads two small files of the container.

    Raises `RuntimeFailure` for an unknown user, `Conflict` if the container has just ended.
    """
    terminal = ("TERM=xterm",) if request.tty else ()
    inherited = process_environment(record.config, record.config.hostname or record.id[:12], (*more, *terminal))
    user = request.user or record.config.user
    height, width = (console_size or [0, 0])[:2]
    try:
        identity = resolve_identity(Path(f"/proc/{record.pid}/root"), user, record.host_config.group_add)
    except (FileNotFoundError, ProcessLookupError, PermissionError) as exc:
        raise Conflict(f"container {record.id} is not running") from exc
    return ExecLaunch(
        arguments=tuple(request.cmd),
        environment=effective_environment((*inherited, *request.env)),
        identity=identity,
        working_dir=request.working_dir or record.config.working_dir,
        terminal=request.tty,
        stdin=request.attach_stdin,
        privileged=request.privileged or record.host_config.privileged,
        height=height,
        width=width,
    )


async def _drain(process: Exec, left: anyio.Event) -> None:
    """Read what nobody else reads: a full pipe would stop the process."""
    await left.wait()
    try:
        while True:
            await process.receive()
    except anyio.EndOfStream:
        return
