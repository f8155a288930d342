"""Which events a client wants, by the `filters` of `GET /events` (behaviour of moby's daemon/events/filter.go)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from engine.wire.filters import Filters, matches_exactly, matches_labels
from engine.wire.system import EventMessage

EVENT_FILTERS: Final = frozenset(
    {
        "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
        "service", "type", "volume",
    }
)  # fmt: skip

# Filters named as a kind of object: the object's id or name begins with the value.
_OBJECTS: Final = ("config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume")
# Actions with something after a colon (`health_status: healthy`), wanted as a whole by their first word.
_FAMILIES: Final = frozenset({"exec_create", "exec_start", "health_status"})


def event_filter(filters: Filters) -> Callable[[EventMessage], bool]:
    """A predicate for events: every filter must match, each by any of its values."""

    def wanted(event: EventMessage) -> bool:
        attributes = event.actor.attributes
        return (
            _matches_action(event.action, filters.get("event", ()))
            and matches_exactly(event.type, filters.get("type", ()))
            and matches_exactly(event.scope, filters.get("scope", ()))
            and all(_matches_object(event, filters.get(kind, ())) for kind in _OBJECTS)
            and _matches_image(event, filters.get("image", ()))
            and matches_labels(attributes, filters.get("label", ()))
        )

    return wanted if filters else lambda _: True


def _matches_action(action: str, wanted: Collection[str]) -> bool:
    if _FAMILIES.isdisjoint(wanted):
        return matches_exactly(action, wanted)
    return any(action.startswith(item) for item in wanted)


def _matches_object(event: EventMessage, wanted: Collection[str]) -> bool:
    name = event.actor.attributes.get("name", "")
    return not wanted or any(event.actor.id.startswith(item) or name.startswith(item) for item in wanted)


def _matches_image(event: EventMessage, wanted: Collection[str]) -> bool:
    name = event.actor.attributes.get("name" if event.type == "image" else "image", "")
    forms = {event.actor.id, name, _untagged(event.actor.id), _untagged(name)}
    return not wanted or not forms.isdisjoint(wanted)


def _untagged(name: str) -> str:
    head, slash, tail = name.partition("@")[0].rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"
