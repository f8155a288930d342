"""What the end of an `up` had to wait for."""

from __future__ import annotations

import json

from compose.plan.actions import PullImage, StartContainer, WaitFor
from compose.plan.steps import Step
from compose.plan.telling.trace import Span, Trace
from compose.render.trace import path_line, trace_events

PULL = Span(Step(1, PullImage("db:1", "not here yet")), 10.0, 10.9)
OTHER = Span(Step(2, PullImage("web:1", "not here yet")), 10.0, 10.2)
START = Span(Step(3, StartContainer("app-db-1", "db", "new container"), (1, 2)), 10.9, 10.92)
WAIT = Span(Step(4, WaitFor("db", ("app-db-1",), "healthy", "web depends on it"), (3,)), 10.92, 12.0)
SPANS = [OTHER, PULL, START, WAIT]


def test_the_critical_path_is_the_chain_of_what_was_waited_for_last() -> None:
    assert Trace([SPANS]).critical_path() == [PULL, START, WAIT]


def test_phases_follow_each_other() -> None:
    later = Span(Step(1, StartContainer("app-web-1", "web", "not running")), 12.0, 12.5)
    assert Trace([SPANS, [later]]).critical_path() == [PULL, START, WAIT, later]


def test_a_path_without_steps_is_told_as_such() -> None:
    assert Trace([[]]).critical_path() == []
    assert path_line([]) == "critical path: nothing was done\n"


def test_the_path_is_one_line_with_seconds() -> None:
    assert path_line([PULL, START, WAIT]) == (
        "critical path, 2.0 s: pull db:1 0.9 s → start app-db-1 0.02 s → healthy db 1.1 s\n"
    )


def test_events_that_overlap_have_lanes_of_their_own() -> None:
    found = json.loads(trace_events([SPANS], [PULL, START, WAIT]))["traceEvents"]
    assert [(event["name"], event["ts"], event["dur"], event["tid"], event["cat"]) for event in found] == [
        ("pull db:1", 0, 900_000, 1, "critical"),
        ("pull web:1", 0, 200_000, 2, "step"),
        ("start app-db-1", 900_000, 20_000, 1, "critical"),
        ("healthy db", 920_000, 1_080_000, 1, "critical"),
    ]
