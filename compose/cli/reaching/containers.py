"""The containers of a project (of every project without a name), for commands that list them."""

from __future__ import annotations

from functools import partial

from compose.apply.looking.observe import observe_containers
from compose.cli.reaching.nearby import glanced
from compose.cli.session import Session
from compose.plan.observed import ObservedContainer


def project_containers(session: Session, name: str = "", *, everything: bool = True) -> list[ObservedContainer]:
    """By name; `everything`: stopped ones too. Raises `EngineUnavailable`, `EngineRefused`."""
    found = glanced(session, partial(observe_containers, project_name=name, everything=everything))
    return found if found is not None else _asked(session, name, everything=everything)


def _asked(session: Session, name: str, *, everything: bool) -> list[ObservedContainer]:
    """The long way, which starts an engine where none runs."""
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected

    async def work() -> list[ObservedContainer]:
        async with connected(session) as engine:
            return await observe_containers(engine, name, everything=everything)

    return run_async(work)
