"""`up -d` on an engine of this machine without an event loop, where nothing has to be pulled, built or awaited."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from compose.apply.looking.observe import observe
from compose.cli.carrying_out import tell_unchanged, tell_warnings
from compose.cli.reaching.nearby import near_engine, seen
from compose.cli.session import Session
from compose.cli.terminal import progress_display
from compose.cli.up.options import UpRequest
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Service
from compose.plan.deciding.foresight import Foresight, imagine
from compose.plan.deciding.pulling import refreshed_images
from compose.plan.observed import Observed

if TYPE_CHECKING:
    from engine.client.near import NearEngine


def up_nearby(session: Session, project: Project, request: UpRequest) -> tuple[bool, Observed | None]:
    """Bring the project up if it goes without; whether it is up, and what was found, as far as anything was.

    When it is not, nothing has been done or told, and the long way can begin. Raises what goes wrong on the way.
    """
    if any(map(_asks_for_more, project.services.values())) or refreshed_images(project):
        return False, None
    engine = near_engine(session)
    if engine is None:
        return False, None
    with engine:
        observed = seen(engine, partial(observe, project_name=project.name))
        return observed is not None and _is_up(session, engine, project, request, observed), observed


def _is_up(session: Session, engine: NearEngine, project: Project, request: UpRequest, observed: Observed) -> bool:
    found = foreseen_nearby(project, observed, request)
    if found is None:
        return False
    if not found.main:
        tell_warnings(session, found.main)
        with closing(progress_display(session, "up")) as shown:
            tell_unchanged(found.main, shown.update)
        return True
    if session.parallel:
        return False  # turns are taken on the event loop
    from compose.cli.up.briefly import brought_up  # not before there is something to do

    return brought_up(session, engine, project, observed, found)


def foreseen_nearby(project: Project, observed: Observed, request: UpRequest) -> Foresight | None:
    """What is to be done, None where something has to be fetched, or is wrong: the long way says what, and where."""
    try:
        found = imagine(project, observed, request.plan_options(), request.build_options())
    except ComposeError:
        return None
    return found if found.has_images and not found.problems else None


def _asks_for_more(service: Service) -> bool:
    """Whether a service needs others than the engine before its plan can be made."""
    return service.use_api_socket or service.provider is not None or bool(service.models)
