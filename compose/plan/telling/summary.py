"""A plan as people read it: what becomes of every resource, and why, instead of step after step."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from compose.plan.actions import CreateContainer, Deed
from compose.plan.changes import Change
from compose.plan.observed import Observed
from compose.plan.steps import Plan
from compose.plan.words import Kind, VerbName


class Entry(Struct, frozen=True):
    """What becomes of one resource. Of the `because` of one that is kept there is nothing to say."""

    kind: Kind
    name: str
    verb: VerbName
    because: str = ""
    service: str = ""
    changes: tuple[Change, ...] = ()


def summary(plans: Iterable[Plan], observed: Observed) -> tuple[Entry, ...]:
    """The entries of plans that are carried out one after the other, images first and containers last."""
    entries: dict[tuple[Kind, str], Entry] = {}
    services = {item.name: item.service for item in observed.containers}
    for plan in plans:
        for step in plan.steps:
            if isinstance(step.action, Deed):
                key = (step.action.words.kind, step.action.words.name)
                entries[key] = _together(entries.get(key), _entry(step.action, step.action.because))
        for name in plan.unchanged:
            entries.setdefault(("container", name), Entry("container", name, "keep"))
    for key, entry in entries.items():
        if entry.kind == "container" and not entry.service:  # its act names the container alone
            entries[key] = replace(entry, service=services.get(entry.name, ""))
    order = ("image", "network", "volume", "provider", "container")
    return tuple(sorted(entries.values(), key=lambda entry: (order.index(entry.kind), entry.service, entry.name)))


def _entry(deed: Deed, because: str) -> Entry:
    words = deed.words
    changes = deed.changes if isinstance(deed, CreateContainer) else ()
    return Entry(words.kind, words.name, words.verb.name, because, words.service, changes)


def _together(before: Entry | None, now: Entry) -> Entry:
    """What two acts on the same resource, one after the other, make of it; mostly it is what the later one does."""
    if before is None:
        return now
    if before.verb in ("create", "recreate") and now.verb in ("start", "stop", "remove"):
        return before  # its own start, and the end of its predecessor, which has the same name
    if (before.verb, now.verb) == ("stop", "start"):
        return replace(before, verb="restart")
    if before.kind == "network" and (before.verb, now.verb) == ("remove", "create"):
        return replace(now, verb="recreate")
    return now


def has_changes(entries: Iterable[Entry]) -> bool:
    """Whether anything becomes other than it is. Providers are run each time, and change nothing that is there."""
    return any(entry.verb not in ("keep", "run") for entry in entries)
