"""Events that outlive the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.events.bus import EventBus
from engine.events.journal import REMEMBERED, Journal


def ids(journal: Journal) -> list[str]:
    return [event.actor.id for event in journal.past()]


def filled(path: Path, count: int) -> Journal:
    journal = Journal(path)
    bus = EventBus(record=journal.append)
    for number in range(count):
        bus.publish("container", "start", str(number), {"image": "busybox"})
    return journal


def test_the_next_engine_knows_what_happened_before_it(tmp_path: Path) -> None:
    first = filled(tmp_path / "events", 3)  # not closed: the engine was killed
    second = Journal(tmp_path / "events")
    assert ids(second) == ["0", "1", "2"]
    assert [event.from_ for event in second.past()] == ["busybox"] * 3
    first.close()
    second.close()


def test_only_the_last_events_are_remembered_and_the_file_stays_small(tmp_path: Path) -> None:
    filled(tmp_path / "events", 5 * REMEMBERED).close()
    assert len((tmp_path / "events").read_bytes().splitlines()) <= 2 * REMEMBERED
    journal = Journal(tmp_path / "events")
    assert ids(journal) == [str(number) for number in range(4 * REMEMBERED, 5 * REMEMBERED)]
    journal.close()


def test_a_line_that_a_crash_has_cut_is_left_out(tmp_path: Path) -> None:
    filled(tmp_path / "events", 2).close()
    with (tmp_path / "events").open("ab") as file:
        file.write(b'{"Type":"contai')
    journal = Journal(tmp_path / "events")
    assert ids(journal) == ["0", "1"]
    journal.close()


def test_a_place_that_cannot_be_written_costs_only_the_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = filled(tmp_path / "missing" / "events", 2)
    assert ids(journal) == ["0", "1"]
    assert "events are not recorded" in caplog.text
    journal.close()
