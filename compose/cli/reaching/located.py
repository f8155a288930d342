"""A project and its containers, for the commands that work on what exists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from compose.apply.looking.observe import observe_containers
from compose.apply.stage import Stage
from compose.cli.loading import load_if_there
from compose.cli.reaching.connection import connected
from compose.cli.session import Session, check_services
from compose.cli.terminal import warn
from compose.errors import ComposeError, UsageError
from compose.model.project import Project, bare_project
from compose.plan.observed import Observed, ObservedContainer
from engine.client import EngineClient

_BEGUN = ("running", "paused", "restarting")


class Located(Struct, frozen=True):
    """The engine, the project as far as it is known, and its containers that were asked for, by name.

    `is_there`: whether the project has any container, wanted or not.
    """

    engine: EngineClient
    project: Project
    containers: tuple[ObservedContainer, ...]
    is_there: bool = True

    @property
    def stage(self) -> Stage:
        """For plans over these containers."""
        return Stage(self.engine, self.project, Observed(self.containers))

    def running(self) -> list[ObservedContainer]:
        """Those that have begun and not ended; they may be paused, or about to be started again."""
        return [item for item in self.containers if item.state in _BEGUN]


def project_or_name(session: Session, services: tuple[str, ...], *, only_looks: bool = False) -> Project:
    """The project, or a bare one when only its name is known.

    An unknown service raises `UsageError`; who `only_looks` is warned, and finds nothing of it.
    """
    project = load_if_there(session)
    try:
        check_services(project, services)
    except UsageError as exc:
        if not only_looks:
            raise
        warn(session, exc.message)
    return project or bare_project(session.given_name)


@asynccontextmanager
async def located(
    session: Session,
    services: tuple[str, ...],
    *,
    everything: bool = True,
    one_off: bool = False,
    only_looks: bool = False,
) -> AsyncIterator[Located]:
    """Load the project and list the containers of these services (without names: of all but inactive profiles)."""
    project = project_or_name(session, services, only_looks=only_looks)
    async with connected(session) as engine:
        found = await observe_containers(engine, project.name, everything=everything)
        yield Located(
            engine,
            project,
            tuple(
                item
                for item in found
                if (item.service in services if services else item.service not in project.disabled)
                and (one_off or not item.is_one_off)
            ),
            is_there=bool(found),
        )


def one_of(place: Located, service: str, index: int) -> ObservedContainer:
    """The running container of a service, the first or the one with that number. Raises `ComposeError`."""
    mine = [item for item in place.running() if not index or item.number == index]
    if not mine:
        which = f" container #{index}" if index else ""
        raise ComposeError(
            f'service "{service}"{which} is not running', hint=f"start it with `pycompose up -d {service}`"
        )
    return min(mine, key=lambda item: item.number)
