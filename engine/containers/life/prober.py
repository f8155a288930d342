"""Runs the health checks that `health` schedules, and tells what they say."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from typing import Final

import anyio

from engine.containers.container import Container, Run
from engine.containers.drivers import Drivers, Exec
from engine.containers.ledger import Ledger
from engine.containers.life import health
from engine.containers.life.lifecycle import Status
from engine.containers.streams.exec import exec_launch
from engine.errors import EngineError
from engine.state.names import new_id
from engine.wire.containers import ExecCreateRequest, HealthcheckResult
from engine.wire.times import rfc3339

log = logging.getLogger(__name__)

_OUTPUT_BYTES: Final = 4096
_COULD_NOT_RUN: Final = -1


class Prober:
    """Docker's health monitor."""

    def __init__(self, drivers: Drivers, ledger: Ledger) -> None:
        self._drivers = drivers
        self._ledger = ledger

    async def watch(self, container: Container, run: Run, check: health.Check) -> None:
        """Probe a living container until cancelled; a paused one rests, and is probed at once when it goes on."""
        while True:
            with anyio.move_on_after(health.seconds_to_next(container.condition, check, _age(container))):
                await run.resumed.wait()
            while container.status is Status.PAUSED:
                run.resumed = anyio.Event()
                await run.resumed.wait()
            run.resumed = anyio.Event()
            before, age = container.condition, _age(container)
            result = await self._probe(container, check)
            async with container.lock:
                if container.condition is before:  # else it was paused meanwhile, and the probe with it
                    await self._note(container, health.after_probe(before, check, result, age))

    async def _note(self, container: Container, condition: health.Condition) -> None:
        container.condition = condition
        if condition.status != container.record.health:
            with anyio.CancelScope(shield=True):
                await container.change(health=condition.status, probes=list(condition.log))
            self._ledger.publish(container, f"health_status: {condition.status}")

    async def _probe(self, container: Container, check: health.Check) -> HealthcheckResult:
        started_ns = time.time_ns()
        try:
            exit_code, output = await self._run(container, check)
        except (EngineError, OSError) as exc:
            log.debug("container %s: health check could not run: %s", container.id[:12], exc)
            exit_code, output = _COULD_NOT_RUN, str(exc)
        return HealthcheckResult(
            start=rfc3339(started_ns), end=rfc3339(time.time_ns()), exit_code=exit_code, output=output
        )

    async def _run(self, container: Container, check: health.Check) -> tuple[int, str]:
        request = ExecCreateRequest(cmd=list(check.command), attach_stdout=True, attach_stderr=True)
        process = await self._drivers.runtime.exec(container.id, exec_launch(container.record, request))
        # To those who listen a probe is an exec like any other, as in Docker.
        words, exec_id = " ".join(check.command), new_id()
        self._ledger.publish(container, f"exec_create: {words}", execID=exec_id)
        self._ledger.publish(container, f"exec_start: {words}", execID=exec_id)
        try:
            output = bytearray()
            with anyio.move_on_after(check.timeout_seconds) as scope:
                await _collect(process, output)
                code = await process.wait()
                self._ledger.publish(container, "exec_die", execID=exec_id, exitCode=str(code))
                return code, output.decode(errors="replace")
            assert scope.cancelled_caught
            said = f": {output.decode(errors='replace')}" if output else ""
            return _COULD_NOT_RUN, f"Health check exceeded timeout ({_duration(check.timeout_seconds)}){said}"
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)


async def _collect(process: Exec, output: bytearray) -> None:
    with contextlib.suppress(anyio.EndOfStream):
        while True:
            _, data = await process.receive()
            output += data[: _OUTPUT_BYTES - len(output)]


async def _end(process: Exec) -> None:
    """Leave no probe behind: kill it if it still runs, and reap it."""
    with anyio.move_on_after(0) as scope:
        await process.wait()
    if scope.cancelled_caught:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    await process.aclose()


def _age(container: Container) -> float:
    return max(time.time_ns() - container.record.started_ns, 0) / 1e9


def _duration(seconds: float) -> str:
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"
