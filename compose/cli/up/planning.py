"""The plan of an `up` as `plan` shows it and `apply` compares it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct
from msgspec.structs import replace

from compose.apply.looking.observe import observe
from compose.apply.preflight import troubles
from compose.cli.pointing import point
from compose.cli.reaching.connection import connected, equipped
from compose.cli.session import Session
from compose.cli.up.options import UpRequest, load_selected
from compose.errors import ComposeError
from compose.plan.deciding.foresight import Foresight, imagine
from compose.plan.deciding.pulling import refreshed_images
from compose.plan.deciding.supplies import plan_providers, supposed
from compose.plan.fingerprint import fingerprint
from compose.plan.telling.summary import Entry, summary
from compose.render.origins import in_words

if TYPE_CHECKING:
    from compose.load.origins.places import Places
    from compose.plan.changes import Change


class Foreseen(Struct, frozen=True):
    """What `up` would do: as plans, for people, and as a `mark` that is another one as soon as anything is other.

    With `problems` it is not sure to get anywhere: the plans are what there would be without them.
    """

    foresight: Foresight
    entries: tuple[Entry, ...]
    places: Places
    mark: str
    problems: tuple[ComposeError, ...] = ()


async def foreseen(session: Session, request: UpRequest) -> Foreseen:
    """What `up` would do now, asked for without a request that changes anything."""
    project, places = load_selected(session, request.services, with_dependencies=not request.no_deps)
    request.check_for(project)
    async with connected(replace(session, dry_run=True)) as engine:
        project = await equipped(session, engine, project)
        observed = await observe(engine, project.name, refreshed_images(project))
        likely = supposed(project, observed)
        foresight = imagine(likely, observed, request.plan_options(), request.build_options())
        problems = await troubles(engine, likely, foresight)
    point(problems, places)
    entries = summary((plan_providers(project), *foresight.plans), observed)
    return Foreseen(foresight, entries, places, fingerprint(project, observed, foresight), tuple(problems))


def origin_in(places: Places) -> Callable[[Entry, Change], str]:
    """Says where the new value of a change comes from: `.env:3:1 (LOG_LEVEL) in compose.yaml:12:18`."""

    def origin(entry: Entry, change: Change) -> str:
        if change.after is UNSET:
            return ""
        return in_words(places.origins(("services", entry.service, *change.path), change.after))

    return origin
