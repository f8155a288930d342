"""Which steps may begin."""

from __future__ import annotations

from compose.apply.course import Course
from compose.plan.actions import RemoveNetwork
from compose.plan.steps import Plan, Step


def step(number: int, *after: int) -> Step:
    return Step(number, RemoveNetwork(f"n{number}", "down"), after)


def test_a_step_begins_once_all_that_it_waits_for_is_done() -> None:
    first, second, last, alone = step(1), step(2), step(3, 1, 2), step(4)
    course = Course(Plan((first, second, last, alone)))
    assert course.first() == [first, second, alone]
    assert course.after(first) == []
    assert course.after(alone) == []
    assert course.after(second) == [last]


def test_what_is_done_sets_free_all_that_waited_for_it() -> None:
    first, left, right = step(1), step(2, 1), step(3, 1)
    course = Course(Plan((first, left, right)))
    assert course.after(first) == [left, right]
    assert course.after(first) == [], "asked for a second time"
