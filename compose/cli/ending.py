"""`down`, `stop` and the like on an engine of this machine, without an event loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial

from compose.apply.looking.observe import observe
from compose.apply.nearby import end_nearby, is_near
from compose.apply.rehearsal import rehearse
from compose.cli.carrying_out import tell_warnings
from compose.cli.reaching.engines import named_in_hints
from compose.cli.reaching.nearby import near_engine, seen
from compose.cli.session import Session
from compose.cli.terminal import progress_display
from compose.model.project import Project
from compose.plan.observed import Observed
from compose.plan.steps import Plan
from engine.client.near import NearEngine


def ended(session: Session, verb: str, project: Project, plan_for: Callable[[Observed], Plan]) -> bool:
    """Carry out the plan for what exists, every step of it, and show its progress.

    False if that is not to be had so: nothing has been done or told then, and the long way can begin.
    """
    if session.parallel:
        return False  # turns are taken on the event loop
    engine = near_engine(session)
    if engine is None:
        return False
    with engine:
        observed = seen(engine, partial(observe, project_name=project.name))
        plan = plan_for(observed) if observed else None
        if plan is None or not is_near(plan, project):
            return False
        tell_warnings(session, plan)
        _carry_out(session, verb, plan, project, engine)
    return True


def _carry_out(session: Session, verb: str, plan: Plan, project: Project, engine: NearEngine) -> None:
    with closing(progress_display(session, verb)) as shown:
        if engine.only_reads:
            rehearse(plan, shown.update)
            return
        with named_in_hints(session):
            engine.run(end_nearby(plan, engine, project, shown.update), pulse=shown.tick)
