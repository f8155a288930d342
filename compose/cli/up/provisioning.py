"""Having the images that a plan needs: looked for in registries, built, pulled. What `up` and `run` share."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.cli.carrying_out import attempt, perform
from compose.model.project import Project
from compose.plan.deciding.foresight import Foresight, fetched
from compose.plan.deciding.pulling import refreshed_images
from compose.plan.deciding.survey import Options
from compose.plan.images import familiar
from compose.plan.observed import Observed
from compose.plan.steps import Plan
from compose.plan.telling.progress import Report
from compose.plan.telling.trace import Trace
from compose.render.progress import Quiet
from engine.client import EngineClient


class Provisioner:
    """Has images of one project there, and looks again after each change."""

    def __init__(self, engine: EngineClient, project: Project, report: Report, trace: Trace | None = None) -> None:
        self._engine = engine
        self._project = project
        self._pulling = self._building = report
        self._trace = trace
        self._refreshed = refreshed_images(project)

    def hush(self, *, pulls: bool, builds: bool) -> None:
        """Tell nothing more of pulls or builds."""
        self._pulling = Quiet().update if pulls else self._pulling
        self._building = Quiet().update if builds else self._building

    async def look(self) -> Observed:
        """What exists now."""
        return await observe(self._engine, self._project.name, self._refreshed)

    async def tried(self, tries: Plan, observed: Observed) -> Observed | None:
        """What exists after pulls of which none has to succeed; None if there was nothing to try."""
        is_other = await attempt(tries, self._stage(observed), self._pulling, self._trace)
        return await self.look() if is_other else None

    async def built(self, foresight: Foresight, observed: Observed, again: Callable[[Observed], Foresight]) -> Observed:
        """What exists after the builds, less those that turn out not to be needed `again` once all was tried."""
        tried = await self.tried(foresight.tries, observed)
        if tried is not None:
            observed, foresight = tried, again(tried)
        if not foresight.builds:
            return observed
        await perform(foresight.builds, self._stage(observed), self._building, trace=self._trace)
        return await self.look()

    async def pulled(self, pulls: Plan, observed: Observed, options: Options) -> tuple[Observed, Options]:
        """What exists after the pulls, and the options that know of them."""
        if not pulls:
            return observed, options
        await perform(pulls, self._stage(observed), self._pulling, trace=self._trace)
        options = replace(options, pulled=frozenset(map(familiar, fetched(pulls))))
        return await self.look(), options

    def _stage(self, observed: Observed) -> Stage:
        return Stage(self._engine, self._project, observed)
