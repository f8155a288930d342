"""`up` where everything is up already: found and told without anything that doing something would need."""

from __future__ import annotations

from contextlib import closing
from functools import partial

from compose.apply.looking.observe import observe
from compose.cli.carrying_out import tell_unchanged, tell_warnings
from compose.cli.reaching.nearby import glanced
from compose.cli.session import Session
from compose.cli.terminal import progress_display
from compose.cli.up.options import UpRequest
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Service
from compose.plan.deciding.foresight import imagine
from compose.plan.deciding.pulling import refreshed_images
from compose.plan.observed import Observed
from compose.plan.steps import Plan


def first_look(session: Session, project: Project) -> Observed | None:
    """What exists, None where a glance does not say enough to plan an `up`."""
    if any(map(_asks_for_more, project.services.values())) or refreshed_images(project):
        return None
    return glanced(session, partial(observe, project_name=project.name))


def is_up(session: Session, project: Project, request: UpRequest, observed: Observed) -> bool:
    """Whether an `up -d` has nothing to do, which then has been told."""
    plan = _idle_plan(project, observed, request)
    if plan is None:
        return False
    tell_warnings(session, plan)
    with closing(progress_display(session, "up")) as shown:
        tell_unchanged(plan, shown.update)
    return True


def _idle_plan(project: Project, observed: Observed, request: UpRequest) -> Plan | None:
    """The plan that has no step; None if there is something to do, or something wrong."""
    try:
        found = imagine(project, observed, request.plan_options(), request.build_options())
    except ComposeError:
        return None  # the long way says what is wrong, and where
    return found.main if found.has_images and not (found.main or found.problems) else None


def _asks_for_more(service: Service) -> bool:
    """Whether a service needs others than the engine before its plan can be made."""
    return service.use_api_socket or service.provider is not None or bool(service.models)
