"""Carrying out plans with progress: what `up`, `down`, `stop` and the like share."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from compose.cli.session import Session
from compose.cli.terminal import progress, warn
from compose.errors import ComposeError
from compose.plan.steps import Plan
from compose.plan.telling.progress import Phase, Report, Update

if TYPE_CHECKING:
    from compose.apply.stage import Stage
    from compose.plan.telling.trace import Trace


async def carry_out(
    session: Session,
    verb: str,
    plan: Plan,
    stage: Stage,
    *,
    keep_going: bool = False,
    patience_seconds: float | None = None,
) -> None:
    """Execute a plan and show its progress, with its warnings before and its unchanged containers first."""
    tell_warnings(session, plan)
    async with progress(session, verb) as shown:
        await perform(plan, stage, shown.update, keep_going=keep_going, patience_seconds=patience_seconds)


async def perform(
    plan: Plan,
    stage: Stage,
    report: Report,
    *,
    keep_going: bool = False,
    trace: Trace | None = None,
    patience_seconds: float | None = None,
) -> frozenset[str]:
    """Execute a plan and report; returns the ids of the containers that were started.

    With an engine that may only be read from, as `--dry-run` has it, the plan is told and not done.
    """
    if stage.engine.only_reads:
        from compose.apply.rehearsal import rehearse, rehearsing

        tell_unchanged(plan, rehearsing(report))
        rehearse(plan, report)
        return frozenset()
    tell_unchanged(plan, report)
    if not plan:
        return frozenset()
    from compose.apply.execute import execute  # not before there is something to do

    outcome = await execute(plan, stage, report, keep_going=keep_going, trace=trace, patience_seconds=patience_seconds)
    return outcome.started


async def attempt(plan: Plan, stage: Stage, report: Report, trace: Trace | None = None) -> bool:
    """Execute a plan of which nothing has to succeed: what fails is shown as a warning. Whether anything was tried."""
    if not plan or stage.engine.only_reads:
        return False

    def told(item: Update) -> None:
        report(replace(item, phase=Phase.WARNING) if item.phase is Phase.FAILED else item)

    with suppress(ComposeError, ExceptionGroup):  # each failure has been reported by its step
        await perform(plan, stage, told, keep_going=True, trace=trace)
    return True


def tell_unchanged(plan: Plan, report: Report) -> None:
    """Report the containers that stay as they are."""
    for name in plan.unchanged:
        report(Update(f"Container {name}", "Running"))


def tell_warnings(session: Session, plan: Plan) -> None:
    """Print the plan's warnings."""
    for message in plan.warnings:
        warn(session, message)
