"""Programs beside the first one of fake containers: each says its command, and that it is careful."""

from __future__ import annotations

from abc import ABC, abstractmethod

from engine.errors import Conflict, NoSuchExec
from engine.state.names import new_id
from engine.wire.containers import ExecCreateRequest, ExecInspect, ExecProcessConfig, ExecStartRequest, IdResponse
from tests.fakes.container import FakeConsole, FakeContainer


class Execs(ABC):
    """The part of `ContainerJobs` that is about execs."""

    def __init__(self) -> None:
        self.execs: dict[str, tuple[FakeContainer, ExecCreateRequest, FakeConsole]] = {}
        self.exec_error: Exception | None = None

    @abstractmethod
    def find(self, name: str) -> FakeContainer:
        """The container of that name or id. Raises `NoSuchContainer`."""

    async def exec_create(self, name: str, request: ExecCreateRequest) -> IdResponse:
        exec_id = new_id()
        self.execs[exec_id] = (self.find(name), request, FakeConsole(echoes=request.attach_stdin))
        return IdResponse(id=exec_id)

    def _exec(self, exec_id: str) -> tuple[FakeContainer, ExecCreateRequest, FakeConsole]:
        if exec_id not in self.execs:
            raise NoSuchExec(exec_id)
        return self.execs[exec_id]

    async def exec_start(self, exec_id: str, request: ExecStartRequest) -> FakeConsole | None:
        _, wanted, console = self._exec(exec_id)
        if self.exec_error:
            raise self.exec_error
        if request.detach:
            return None
        console.say(1, " ".join(wanted.cmd).encode() + b"\n")
        console.say(2, b"careful\n")
        console.start()
        if not wanted.attach_stdin:
            console.end()
        return console

    def exec_check(self, exec_id: str) -> None:
        container, _, _ = self._exec(exec_id)
        if container.status != "running":
            raise Conflict(f"container {container.id} is not running")

    def exec_inspect(self, exec_id: str) -> ExecInspect:
        container, wanted, console = self._exec(exec_id)
        return ExecInspect(
            id=exec_id,
            exit_code=console.exit_code,
            process_config=ExecProcessConfig(tty=wanted.tty, entrypoint=wanted.cmd[0], arguments=wanted.cmd[1:]),
            open_stdin=wanted.attach_stdin,
            open_stdout=wanted.attach_stdout,
            open_stderr=wanted.attach_stderr,
            container_id=container.id,
            detach_keys=wanted.detach_keys,
        )

    async def exec_resize(self, exec_id: str, height: int, width: int) -> None:
        self._exec(exec_id)[0].size = (height, width)

    def exec_is_tty(self, exec_id: str) -> bool:
        return self._exec(exec_id)[1].tty
