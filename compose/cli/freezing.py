"""What `pause` and `unpause` share."""

from __future__ import annotations

from functools import partial

from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.cli.reaching.located import located
from compose.cli.session import Session
from compose.cli.terminal import progress
from compose.plan.observed import ObservedContainer
from compose.plan.telling.progress import Phase, Update


async def freeze(session: Session, services: tuple[str, ...], *, is_thawing: bool) -> None:
    """Pause what runs, or let what is paused go on."""
    words = ("Unpausing", "Unpaused") if is_thawing else ("Pausing", "Paused")
    wanted = "paused" if is_thawing else "running"
    async with located(session, services) as place, progress(session, words[0].lower()) as shown:

        async def one(item: ObservedContainer) -> None:
            shown.update(Update(f"Container {item.name}", words[0], Phase.WORKING))
            call = place.engine.unpause_container if is_thawing else place.engine.pause_container
            with refusals(f"{words[0].lower()} container {item.name}"):
                async with place.engine.turn():
                    await call(item.id)
            shown.update(Update(f"Container {item.name}", words[1]))

        await all_of([partial(one, item) for item in place.containers if item.state == wanted])
