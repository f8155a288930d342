"""Which images have to be fetched, and why: `pull_policy`, `up --pull` and `pull`. Pure.

The policies are the Compose Specification's; where it is silent, docker compose decides: an image's age is the time
since it was named last, and `pull` without a policy fetches everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from compose.errors import ComposeError
from compose.lazy import lazy_pattern
from compose.model.project import Project
from compose.model.service import Service
from compose.plan.actions import PullImage
from compose.plan.images import familiar, image_id, image_of
from compose.plan.observed import Observed
from compose.plan.steps import Plan, PlanBuilder

_DAY_SECONDS: Final = 86_400.0
_UNIT_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY_SECONDS, "w": 7 * _DAY_SECONDS}
_EVERY: Final = "every_"
_PART = lazy_pattern(r"([0-9]+)([wdhms])")


class Skip(Struct, frozen=True):
    """What is not pulled, in the words of progress."""

    resource: str
    because: str


class Pulls(Struct, frozen=True):
    """What `pull` does and leaves."""

    plan: Plan
    skipped: tuple[Skip, ...] = ()


def refresh_seconds(policy: str) -> float | None:
    """How old an image may get by a policy (`daily`, `weekly`, `every_1d12h`); None when that is no matter."""
    if policy == "daily":
        return _DAY_SECONDS
    if policy == "weekly":
        return 7 * _DAY_SECONDS
    if not policy.startswith(_EVERY):
        return None
    text = policy.removeprefix(_EVERY)
    parts = _PART.findall(text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        return None
    return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def refreshed_images(project: Project) -> Mapping[str, float]:
    """The images that must not get old, with the seconds that each may be; the strictest of its services counts."""
    found: dict[str, float] = {}
    for service in project.services.values():
        seconds = refresh_seconds(service.pull_policy)
        if seconds is not None and service.image:
            image = image_of(project, service)
            found[image] = min(seconds, found.get(image, seconds))
    return found


def pull_reason(project: Project, service: Service, observed: Observed, policy: str = "") -> str:
    """Why the service's image has to be pulled before it runs; "" when it has not.

    `policy` is that of the command line and wins over the service's. Raises `ComposeError` when the image is
    missing and may not be pulled.
    """
    image = image_of(project, service)
    policy = policy if policy not in ("", "policy") else service.pull_policy
    is_local = bool(image_id(observed, image))
    if policy == "always" and not service.build:
        return "asked to"
    if is_local:
        return "" if service.build else _due_reason(image, observed, policy)  # a build's pull is an attempt
    if service.build:
        raise ComposeError(
            f"image `{image}` of service `{service.name}` is not here, and may not be built",
            hint="leave out --no-build, or run `pycompose build` first",
            subject=("services", service.name, "build"),
        )
    if policy == "never":
        raise ComposeError(
            f"image `{image}` of service `{service.name}` is missing, and may not be pulled",
            hint=f"run `pycompose pull {service.name}`, or change its `pull_policy`",
            subject=("services", service.name, "image"),
        )
    return "not here yet"


def plan_attempts(project: Project, observed: Observed, *, policy: str = "") -> Plan:
    """The pulls of images that can be built as well: a registry may have them, and then nothing needs building.

    A name is needed that a registry may know. docker compose does the same.
    """
    builder = PlanBuilder()
    planned: set[str] = set()
    for service in project.services.values():
        if not (service.build and service.image) or service.image in planned:
            continue
        if because := _attempt_reason(service, observed, policy):
            planned.add(service.image)
            builder.add(PullImage(service.image, because, service.platform))
    return Plan(tuple(builder.steps))


def _attempt_reason(service: Service, observed: Observed, policy: str) -> str:
    policy = policy if policy not in ("", "policy") else service.pull_policy
    if policy in ("never", "build"):
        return ""
    if policy == "always":
        return "asked to"
    if image_id(observed, service.image):
        return _due_reason(service.image, observed, policy)
    return "not here yet, and perhaps in a registry"


def _due_reason(image: str, observed: Observed, policy: str) -> str:
    """Why an image that is here is fetched again: a policy says how old it may be."""
    is_due = familiar(image) in observed.due and refresh_seconds(policy) is not None
    return f"older than {_age(policy)}" if is_due else ""


def mounted_images(project: Project, service: Service, observed: Observed) -> list[str]:
    """The images that the service mounts and that are not here yet."""
    sources = (mount.source for mount in service.volumes if mount.type == "image")
    return [source for source in sources if not image_id(observed, source)]


def plan_asked_pulls(
    project: Project, observed: Observed, *, policy: str = "", ignores_buildable: bool = False
) -> Pulls:
    """What `pull` has to do. A `policy` of the command line wins over those of the services."""
    builder = PlanBuilder()
    planned: dict[str, str] = {}
    skipped: list[Skip] = []
    for service in project.services.values():
        if because := _skip_reason(service, observed, policy, planned, ignores_buildable=ignores_buildable):
            skipped.append(Skip(f"Image {service.image}" if service.image else f"Service {service.name}", because))
            continue
        planned[service.image] = service.name
        builder.add(PullImage(service.image, "asked to", service.platform))
    return Pulls(Plan(tuple(builder.steps)), tuple(skipped))


def _skip_reason(
    service: Service, observed: Observed, policy: str, planned: Mapping[str, str], *, ignores_buildable: bool
) -> str:
    if not service.image:
        return "No image to be pulled"  # what has a build and no name of its own is in no registry
    policy = policy or service.pull_policy
    if policy in ("never", "build"):
        return f"Its pull policy is {policy}"
    # The tag `latest` is expected to move.
    if policy == "missing" and image_id(observed, service.image) and not familiar(service.image).endswith(":latest"):
        return "Image is already present locally"
    if service.build and ignores_buildable:
        return "Image can be built"
    if service.image in planned:
        return f"Image is already being pulled by {planned[service.image]}"
    return ""


def _age(policy: str) -> str:
    return {"daily": "a day", "weekly": "a week"}.get(policy) or policy.removeprefix(_EVERY)
