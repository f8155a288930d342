"""What an `up` that was interrupted while it replaced containers has left, and how the next one finishes it. Pure.

A successor is made under `<old id>_<name>`, then its predecessor is stopped and removed, and only then it gets the
name. So as long as the predecessor is there, the successor has never run and can be made again; afterwards it alone
has the anonymous volumes, and only its name is missing. docker compose replaces containers in the same way.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from compose.lazy import lazy_pattern
from compose.model.project import Project
from compose.plan.labels import container_name
from compose.plan.observed import Observed, ObservedContainer

_HEIR = lazy_pattern(r"([0-9a-f]{12})_(.+)")


class Tidied(Struct, frozen=True):
    """What there is without such remains: the `nameless` have their names already, the `abortive` are left out."""

    observed: Observed
    nameless: tuple[tuple[ObservedContainer, str], ...] = ()
    abortive: tuple[ObservedContainer, ...] = ()


def tidied(project: Project, observed: Observed) -> Tidied:
    """Tell the remains of replacements that were cut off from the other containers of the project's services."""
    heirs = {item.id: match for item in observed.containers if (match := _heir(project, item))}
    if not heirs:
        return Tidied(observed)
    names = {item.name for item in observed.containers}
    settled: list[ObservedContainer] = []
    nameless: list[tuple[ObservedContainer, str]] = []
    abortive: list[ObservedContainer] = []
    for item in observed.containers:
        if item.id not in heirs:
            settled.append(item)
            continue
        predecessor, name = heirs[item.id]
        if name in names or any(other.id.startswith(predecessor) for other in observed.containers):
            abortive.append(item)
        else:
            names.add(name)  # of two that lack the same name one can have it
            nameless.append((item, name))
            settled.append(replace(item, name=name))
    return Tidied(replace(observed, containers=tuple(settled)), tuple(nameless), tuple(abortive))


def _heir(project: Project, item: ObservedContainer) -> tuple[str, str] | None:
    """The beginning of the predecessor's id, and the name that is to be had; None for an ordinary container."""
    match = _HEIR.fullmatch(item.name)
    service = project.services.get(item.service)
    if match and service and not item.is_one_off and match[2] == container_name(project, service, item.number):
        return match[1], match[2]
    return None
