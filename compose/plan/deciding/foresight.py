"""The whole of an `up` or `run` before any of it is done: builds, pulls, and what follows if they bring what is
expected.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from compose.errors import ComposeError
from compose.model.project import Project
from compose.plan.actions import BuildImage, CreateContainer, PullImage, StartContainer
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.deciding.pulling import plan_attempts, pull_reason
from compose.plan.deciding.reconcile import drafted, plan_pulls
from compose.plan.deciding.survey import Options
from compose.plan.images import familiar
from compose.plan.observed import Observed
from compose.plan.steps import Plan, PlanBuilder

# Stands for the id of an image that is going to be built; ids of images are digests.
_TO_BE_BUILT = "to be built"


# For when all that is to be built has been built.
AFTER_BUILDS = BuildOptions(never=True, attempt="never")


class Foresight(Struct, frozen=True):
    """The plans, in the order in which they are carried out. What `tries` bring spares builds, and may be missing."""

    tries: Plan
    builds: Plan
    pulls: Plan
    main: Plan
    problems: tuple[ComposeError, ...] = ()

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Those of which every step has to succeed."""
        return (self.builds, self.pulls, self.main)

    @property
    def has_images(self) -> bool:
        """Whether there is nothing to try, build or pull before the main plan is sure."""
        return not (self.tries or self.builds or self.pulls)


def imagine(
    project: Project, observed: Observed, options: Options, builds: BuildOptions, built: Collection[str] = ()
) -> Foresight:
    """Plan an `up`. What is built or pulled although it is there may turn out to be new: then its containers follow.

    What stands against it is a field of the result; `ComposeError` is raised for builds alone. Only these services are
    `built`, if they are named.
    """
    tries = plan_attempts(project, observed, policy=builds.attempt)
    building = plan_builds(project, observed, builds, built)
    observed = _expected(observed, building)
    pulling = plan_pulls(project, observed, options)
    options = replace(options, pulled=frozenset(map(familiar, fetched(pulling))))
    plan, problems = drafted(project, observed, options)
    return Foresight(tries, building, pulling, plan, problems)


def with_one_off(
    found: Foresight, project: Project, observed: Observed, create: CreateContainer, policy: str
) -> Foresight:
    """The same with the container of a `run` after it: its image, itself, its start. `policy` is for the image."""
    builder = PlanBuilder(list(found.main.steps))
    problems = found.problems
    try:
        because = pull_reason(project, create.service, _expected(observed, found.builds), policy)
    except ComposeError as exc:
        because, problems = "", (*problems, exc)
    before = []
    if because and create.image not in fetched(found.main):
        before.append(builder.add(PullImage(create.image, because, create.service.platform)))
    made = builder.add(create, before)
    builder.add(StartContainer(create.final_name, create.service.name, "run"), [made])
    return replace(found, main=replace(found.main, steps=tuple(builder.steps)), problems=problems)


def fetched(plan: Plan) -> list[str]:
    """The images that a plan pulls, in its order."""
    return [step.action.image for step in plan.steps if isinstance(step.action, PullImage)]


def fetching(*plans: Plan) -> Plan:
    """The pulls of plans by themselves, each image once: what registries refuse is known before anything else."""
    builder = PlanBuilder()
    known: set[str] = set()
    for plan in plans:
        for step in plan.steps:
            if isinstance(step.action, PullImage) and step.action.image not in known:
                known.add(step.action.image)
                builder.add(step.action)
    return Plan(tuple(builder.steps))


def _expected(observed: Observed, builds: Plan) -> Observed:
    """What will be there after the builds."""
    made = [step.action.image for step in builds.steps if isinstance(step.action, BuildImage)]
    return replace(observed, images={**{familiar(image): _TO_BE_BUILT for image in made}, **observed.images})
