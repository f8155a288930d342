"""A plan told step by step as if it were carried out, without a request to the engine."""

from __future__ import annotations

from msgspec.structs import replace

from compose.plan.actions import Plan
from compose.plan.telling.progress import Phase, Report, Update
from compose.plan.telling.words import words


def rehearsing(report: Report) -> Report:
    """The same report, with every resource marked as one that nothing happens to."""
    return lambda update: report(replace(update, is_rehearsed=True))


def rehearse(plan: Plan, report: Report) -> None:
    """Tell of every step, in the plan's order."""
    tell = rehearsing(report)
    for step in plan.steps:
        for told in words(step.action):
            tell(Update(told.resource, told.doing, Phase.WORKING))
            tell(Update(told.resource, told.done))
