"""What `pause` and `unpause` share."""

from __future__ import annotations

from functools import partial

from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.apply.rehearsal import rehearse_change
from compose.cli.reaching.located import located
from compose.cli.session import Session
from compose.cli.terminal import progress
from compose.errors import ComposeError, EngineRefused, raise_all
from compose.plan.observed import ObservedContainer
from compose.plan.telling.progress import Phase, Update


async def freeze(session: Session, services: tuple[str, ...], *, is_thawing: bool) -> None:
    """Pause what runs, or let what is paused go on.

    As with docker compose, it is an error to ask for what is so already. The others are done nevertheless, and all
    that the engine refuses is raised at the end.
    """
    words = ("Unpausing", "Unpaused") if is_thawing else ("Pausing", "Paused")
    failures: list[ComposeError] = []
    async with (
        located(session, services, everything=False) as place,
        progress(session, words[0].lower()) as shown,
    ):

        async def one(item: ObservedContainer) -> None:
            resource = f"Container {item.name}"
            if place.engine.only_reads:
                rehearse_change(resource, *words, shown.update)
                return
            shown.update(Update(resource, words[0], Phase.WORKING))
            call = place.engine.unpause_container if is_thawing else place.engine.pause_container
            try:
                with refusals(f"{words[0].lower()} container {item.name}"):
                    async with place.engine.turn():
                        await call(item.id)
            except EngineRefused as exc:
                failures.append(exc)
                shown.update(Update(resource, "Error", Phase.FAILED))
            else:
                shown.update(Update(resource, words[1]))

        await all_of([partial(one, item) for item in place.containers])
    raise_all(failures)
