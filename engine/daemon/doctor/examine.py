"""All examinations, in the order in which they are shown."""

from __future__ import annotations

import anyio

from engine.daemon.doctor import machine
from engine.daemon.doctor.checkpoints import checkpoints
from engine.daemon.doctor.finding import Finding, Verdict
from engine.daemon.doctor.leaks import leaks
from engine.daemon.doctor.registries import registries
from engine.daemon.settings import Settings
from engine.daemon.traces import has_table
from engine.errors import Unavailable


async def examine(settings: Settings) -> list[Finding]:
    """Look at the machine and at what the engine has in it. Changes nothing but a probe mount that is taken back."""
    findings = await anyio.to_thread.run_sync(_machine, settings)
    told = settings.reloadable
    findings += [await machine.runtime(told.runtimes, told.default_runtime), *await machine.tools()]
    findings.append(await checkpoints(told.runtimes))
    try:
        table = await has_table(settings.paths.tag)
    except Unavailable:  # told above
        table = False
    findings += [await engine(settings), *await leaks(settings.paths, has_table=table)]
    return findings + await registries(settings.reloadable.registries)


async def engine(settings: Settings) -> Finding:
    """Whether an engine answers."""
    socket = settings.paths.socket
    try:
        async with await anyio.connect_unix(socket):
            return Finding("engine", Verdict.GOOD, f"answers on {socket}")
    except OSError as exc:
        return Finding("engine", Verdict.GOOD, f"does not run ({socket}: {exc.strerror}); pycompose starts it")


def _machine(settings: Settings) -> list[Finding]:
    state = settings.paths.root
    return [
        *machine.kernel(),
        *machine.control_groups(),
        *machine.overlay(state),
        *machine.firewall(),
        *machine.room(state),
        *machine.resources(),
    ]
