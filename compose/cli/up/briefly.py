"""An `up -d` that consists of requests alone, carried out without an event loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from compose.apply.bringing_up import bring_up, is_brief
from compose.apply.made import is_taken_back
from compose.apply.performing.ending import Ends
from compose.apply.performing.run import Run
from compose.apply.performing.telling import Teller
from compose.apply.preflight import preflight
from compose.cli.carrying_out import tell_unchanged, tell_warnings
from compose.cli.reaching.engines import named_in_hints
from compose.cli.session import Session
from compose.cli.terminal import progress_display
from compose.errors import raise_all
from compose.model.project import Project
from compose.plan.deciding.foresight import Foresight
from compose.plan.observed import Observed
from compose.plan.steps import Plan
from compose.render.progress import Progress
from engine.client.near import NearEngine


def brought_up(
    session: Session, engine: NearEngine, project: Project, observed: Observed, foresight: Foresight
) -> bool:
    """Carry out the main plan, once nothing stands against it. False, with nothing done, if it takes more than that."""
    plan = foresight.main
    if not is_brief(plan, project):
        return False
    with named_in_hints(session):
        engine.run(preflight(engine, project, foresight))
        tell_warnings(session, plan)
        with closing(progress_display(session, "up")) as shown:
            tell_unchanged(plan, shown.update)
            _carry_out(session, plan, engine, project, observed, shown)
    return True


def _carry_out(
    session: Session, plan: Plan, engine: NearEngine, project: Project, observed: Observed, shown: Progress
) -> None:
    teller = Teller(shown.update)
    run = Run(project, observed, Ends(engine, teller), teller)
    failures = engine.run(bring_up(plan, run), pulse=shown.tick)
    if failures and is_taken_back(failures[0]):
        _take_back(session, run, teller.taken_back)
    raise_all(failures)


def _take_back(session: Session, run: Run[NearEngine], removed: Callable[[str], None]) -> None:
    """Remove what was made for nothing. That has a deadline, and so an event loop."""
    from compose.apply.unmaking import unmake
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected

    async def work() -> None:
        async with connected(session) as engine:
            await unmake(engine, run.made, run.started, removed)

    run_async(work)
