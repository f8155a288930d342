from __future__ import annotations

import pytest

from engine.api.event_filter import event_filter
from engine.wire.system import EventActor, EventMessage

WEB = EventMessage(
    type="container",
    action="health_status: healthy",
    actor=EventActor(id="abcdef", attributes={"name": "web-1", "image": "nginx:1.27", "tier": "front"}),
)
NETWORK = EventMessage(type="network", action="connect", actor=EventActor(id="f00", attributes={"name": "front"}))
IMAGE = EventMessage(type="image", action="pull", actor=EventActor(id="library/nginx:1.27"))


@pytest.mark.parametrize(
    ("filters", "is_wanted"),
    [
        ({}, True),
        ({"type": ("container",)}, True),
        ({"type": ("network",)}, False),
        ({"event": ("health_status",)}, True),
        ({"event": ("health_status: unhealthy",)}, False),
        ({"event": ("start", "health_status: healthy")}, True),
        ({"container": ("web",)}, True),
        ({"container": ("abc",)}, True),
        ({"container": ("db",)}, False),
        ({"network": ("front",)}, False),
        ({"image": ("nginx",)}, True),
        ({"image": ("nginx:1.27",)}, True),
        ({"image": ("nginx:1.26",)}, False),
        ({"label": ("tier=front",)}, True),
        ({"label": ("tier=back",)}, False),
        ({"scope": ("swarm",)}, False),
        ({"type": ("container",), "container": ("db",)}, False),
    ],
)
def test_a_containers_event_is_wanted_when_every_filter_matches(
    filters: dict[str, tuple[str, ...]], *, is_wanted: bool
) -> None:
    assert event_filter(filters)(WEB) is is_wanted


def test_other_objects_are_matched_by_their_own_filters() -> None:
    assert event_filter({"network": ("fro",)})(NETWORK)
    assert not event_filter({"container": ("fro",), "type": ("container",)})(NETWORK)
    assert event_filter({"image": ("library/nginx",)})(IMAGE)
