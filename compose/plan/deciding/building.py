"""Which images have to be built, in which order, and why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Service
from compose.plan.actions import BuildImage
from compose.plan.images import image_id, image_of
from compose.plan.observed import Observed
from compose.plan.steps import Plan, PlanBuilder

SERVICE_CONTEXT = "service:"


class BuildOptions(Struct, frozen=True):
    """What the command line asks: build even what is there (`always`), or nothing at all (`never`).

    `attempt` is the pull policy for images that a registry may have instead, "" for that of each service.
    """

    always: bool = False
    never: bool = False
    attempt: str = ""
    no_cache: bool = False
    pull: bool = False
    args: Mapping[str, str] = {}
    memory: int = 0
    ssh: tuple[str, ...] = ()


def plan_builds(project: Project, observed: Observed, options: BuildOptions, services: Collection[str] = ()) -> Plan:
    """The builds that come before everything else; `services` None or empty means all that have a `build`.

    A service whose image another one builds on (`additional_contexts: service:…`) comes first, built if it is missing.
    Raises `ComposeError` for builds that wait for each other, and for an image that is missing and may not be built.
    """
    wanted = {
        name: reason
        for name, service in project.services.items()
        if (not services or name in services) and (reason := build_reason(project, service, observed, options))
    }
    builder = PlanBuilder()
    planned: dict[str, int] = {}
    for name in wanted:
        _add(builder, project, observed, (options, wanted, planned), (name,))
    return Plan(tuple(builder.steps))


def build_reason(project: Project, service: Service, observed: Observed, options: BuildOptions) -> str:
    """Why the service's image has to be built; "" when it has not."""
    if service.build is None or options.never:
        return ""
    if options.always:
        return "asked to"
    if service.pull_policy == "build":
        return "its pull policy"
    if image_id(observed, image_of(project, service)):
        return ""
    may_be_pulled = service.image and service.pull_policy != "never"
    return "not here yet, unless a registry has it" if may_be_pulled else "not here yet"


def _add(
    builder: PlanBuilder,
    project: Project,
    observed: Observed,
    known: tuple[BuildOptions, Mapping[str, str], dict[str, int]],
    path: tuple[str, ...],
) -> int | None:
    """Add the build of the last service of `path`, after those that it builds on; returns its step, if there is one."""
    options, wanted, planned = known
    name = path[-1]
    service = project.services.get(name) or project.disabled.get(name)
    if name in path[:-1]:
        raise ComposeError(
            f"builds wait for each other: {' -> '.join(path[path.index(name) :])}",
            hint="one of them has to do without the other's image",
            subject=("services", name, "build", "additional_contexts"),
        )
    if name in planned:
        return planned[name]
    is_missing = service is not None and not image_id(observed, image_of(project, service))
    if service is None or service.build is None or (name not in wanted and not is_missing):
        return None
    after = [_add(builder, project, observed, known, (*path, other)) for other in _bases(service)]
    because = wanted.get(name) or f"service {path[-2]} builds on it"
    action = BuildImage(
        service,
        image_of(project, service),
        because,
        no_cache=options.no_cache,
        pull=options.pull,
        args=options.args,
        memory=options.memory,
        ssh=options.ssh,
    )
    planned[name] = builder.add(action, [step for step in after if step is not None])
    return planned[name]


def _bases(service: Service) -> list[str]:
    """The services whose images a build uses."""
    contexts = service.build.additional_contexts.values() if service.build else ()
    return [value.removeprefix(SERVICE_CONTEXT) for value in contexts if value.startswith(SERVICE_CONTEXT)]
