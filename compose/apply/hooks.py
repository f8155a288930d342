"""`post_start` and `pre_stop`: commands run in a container after its start and before its stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from compose.apply.refusals import refusals
from compose.errors import ServiceFailed
from compose.model.tooling import Hook
from engine.client import EngineClient
from engine.wire.containers import ExecCreateRequest, ExecStartRequest

_NOT_RUN = (126, 127)  # what engines and shells tell of a program that is not there or none

Tell = Callable[[bytes], object]


class HookNotRun(ServiceFailed):
    """A hook that could not even be started: it has refused nothing."""


async def run_hooks(
    engine: EngineClient, container: str, name: str, hooks: Sequence[Hook], tell: Tell | None = None
) -> None:
    """Run the hooks one after the other in the container. Raises `ServiceFailed` for one that does not end with 0.

    `tell` gets their output, line by line as it comes; without it, the error has what the failing one wrote.
    """
    for hook in hooks:
        words = " ".join(hook.command)
        with refusals(f"running `{words}` in container {name}"):
            code, output = await _run(engine, container, hook, tell)
        if code:
            story = [f"`{words}` in container {name} exited with code {code}", *(f"  {line}" for line in output)]
            kind = HookNotRun if code in _NOT_RUN else ServiceFailed
            raise kind("\n".join(story), hint="see the service's `post_start` and `pre_stop`")


async def _run(engine: EngineClient, container: str, hook: Hook, tell: Tell | None) -> tuple[int, list[str]]:
    request = ExecCreateRequest(
        attach_stdout=True,
        attach_stderr=True,
        cmd=list(hook.command),
        user=hook.user,
        privileged=hook.privileged,
        working_dir=hook.working_dir,
        env=[key if value is None else f"{key}={value}" for key, value in hook.environment.items()],
    )
    exec_id = await engine.create_exec(container, request)
    output = bytearray()
    async with await engine.start_exec(exec_id, ExecStartRequest()) as stream:
        while True:
            try:
                output += (await stream.receive())[1]
            except anyio.EndOfStream:
                break
            if tell:
                whole = output.rfind(b"\n") + 1
                _tell_lines(output[:whole], tell)
                del output[:whole]
    if tell:
        _tell_lines(output, tell)
        output.clear()
    return (await engine.inspect_exec(exec_id)).exit_code or 0, output.decode("utf-8", "replace").splitlines()


def _tell_lines(output: bytearray, tell: Tell) -> None:
    for line in bytes(output).splitlines():
        tell(line)
