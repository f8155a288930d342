"""What services need of programs beside the engine, before they can be planned: providers and language models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compose.model.project import Project
from compose.plan.telling.progress import Report
from compose.plan.telling.trace import Trace

if TYPE_CHECKING:
    from engine.client import EngineClient


async def supplied(
    engine: EngineClient, project: Project, report: Report, trace: Trace | None = None, *, quiet_pull: bool = False
) -> Project:
    """The project with what the programs tell, its provided services left out. A rehearsal runs none of them."""
    models = {name for service in project.services.values() for name in service.models}
    if not (models or any(service.provider for service in project.services.values())):
        return project
    # Few projects come here.
    from compose.apply.execute import execute
    from compose.apply.looking.observe import observe
    from compose.apply.rehearsal import rehearse
    from compose.apply.stage import Stage
    from compose.plan.deciding.supplies import modelled, plan_providers, provided, supposed
    from compose.plan.observed import Observed

    providers = plan_providers(project)
    if engine.only_reads:
        rehearse(providers, report)
        return supposed(project, await observe(engine, project.name))
    if models:
        from compose.apply.programs.models import prepare_models

        used = [model for name, model in project.models.items() if name in models]
        endpoint = await prepare_models(project, used, engine.address, report, quiet_pull=quiet_pull)
        project = modelled(project, endpoint)
    outcome = await execute(providers, Stage(engine, project, Observed(())), report, trace=trace)
    return provided(project, outcome.variables)
