"""Events reach every listener in order, late comers may ask for the past, and nobody slows the publisher."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import anyio
import pytest

from engine.events.bus import EventBus
from engine.wire.codec import encode
from engine.wire.system import EventMessage


@pytest.fixture
def bus() -> EventBus:
    ticks: Iterator[int] = count(1_000_000_000, 1_000_000_000)
    return EventBus(clock=lambda: next(ticks))


def everything(_: EventMessage) -> bool:
    return True


@pytest.mark.anyio
async def test_a_listener_gets_what_happens_after_it_began(bus: EventBus) -> None:
    bus.publish("container", "create", "c1", {})
    with bus.listen() as stream:
        bus.publish("container", "start", "c1", {})
        assert (await stream.receive()).action == "start"
    assert bus.listener_count == 0


def test_a_bell_rings_with_every_event_as_long_as_somebody_wants_it_to(bus: EventBus) -> None:
    rung: list[int] = []
    with bus.ringing(lambda: rung.append(1)):
        bus.publish("container", "start", "c1", {})
        bus.publish("network", "connect", "n1", {})
    bus.publish("container", "die", "c1", {})
    assert len(rung) == 2


@pytest.mark.anyio
async def test_the_past_is_replayed_from_since_until_until(bus: EventBus) -> None:
    for action in ("create", "start", "die", "destroy"):
        bus.publish("container", action, "c1", {})
    seen = [event.action async for event in bus.replay(everything, since_nano=2_000_000_000, until_nano=3_000_000_000)]
    assert seen == ["start", "die"]


@pytest.mark.anyio
async def test_only_wanted_events_are_given(bus: EventBus) -> None:
    bus.publish("container", "start", "c1", {})
    bus.publish("network", "create", "n1", {})
    seen = [event.type async for event in bus.replay(lambda event: event.type == "network", since_nano=0, until_nano=0)]
    assert seen == []
    seen = [
        event.type
        async for event in bus.replay(lambda event: event.type == "network", since_nano=0, until_nano=2_000_000_000)
    ]
    assert seen == ["network"]


@pytest.mark.anyio
async def test_a_listener_that_falls_far_behind_is_cut_off(bus: EventBus) -> None:
    with bus.listen() as stream:
        for _ in range(10_000):
            bus.publish("container", "exec_start", "c1", {})
        assert bus.listener_count == 0
        received = 0
        with pytest.raises(anyio.EndOfStream):
            while True:
                await stream.receive()
                received += 1
        assert 0 < received < 10_000


def test_container_events_repeat_their_subject_for_old_clients(bus: EventBus) -> None:
    bus.publish("container", "start", "c1", {"image": "alpine"})
    bus.publish("network", "create", "n1", {"name": "front"})
    container, network = list(bus._past)
    assert (container.status, container.id, container.from_) == ("start", "c1", "alpine")
    assert b'"status"' not in encode(network)
    assert b'"timeNano":2000000000' in encode(network)
