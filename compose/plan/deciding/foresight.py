"""The whole of an `up` before any of it is done: builds, pulls, and what follows if they bring what is expected."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from compose.errors import ComposeError, raise_all
from compose.model.project import Project
from compose.plan.actions import BuildImage, PullImage
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.deciding.reconcile import drafted, plan_pulls
from compose.plan.deciding.survey import Options
from compose.plan.images import familiar
from compose.plan.observed import Observed
from compose.plan.steps import Plan

# Stands for the id of an image that is going to be built; ids of images are digests.
_TO_BE_BUILT = "to be built"


class Foresight(Struct, frozen=True):
    """The plans, in the order in which they are carried out."""

    builds: Plan
    pulls: Plan
    main: Plan
    problems: tuple[ComposeError, ...] = ()

    @property
    def plans(self) -> tuple[Plan, ...]:
        """All three."""
        return (self.builds, self.pulls, self.main)


def foresee(project: Project, observed: Observed, options: Options, builds: BuildOptions) -> Foresight:
    """Plan an `up`. What is built or pulled although it is there may turn out to be new: then its containers follow.

    Raises `ComposeError` as `reconcile` and `plan_builds` do.
    """
    found = imagine(project, observed, options, builds)
    raise_all(found.problems)
    return found


def imagine(project: Project, observed: Observed, options: Options, builds: BuildOptions) -> Foresight:
    """The same; what stands against it is a field of the result. Raises `ComposeError` for builds alone."""
    building = plan_builds(project, observed, builds)
    made = [step.action.image for step in building.steps if isinstance(step.action, BuildImage)]
    expected = {familiar(image): _TO_BE_BUILT for image in made}
    observed = replace(observed, images={**expected, **observed.images})
    pulling = plan_pulls(project, observed, options)
    fetched = [step.action.image for step in pulling.steps if isinstance(step.action, PullImage)]
    options = replace(options, pulled=frozenset(map(familiar, fetched)))
    plan, problems = drafted(project, observed, options)
    return Foresight(building, pulling, plan, problems)
