"""A plan told step by step as if it were carried out, without a request to the engine."""

from __future__ import annotations

from msgspec.structs import replace

from compose.plan.steps import Plan
from compose.plan.telling.progress import Phase, Report, Update


def rehearsing(report: Report) -> Report:
    """The same report, with every resource marked as one that nothing happens to."""
    return lambda update: report(replace(update, is_rehearsed=True))


def rehearse(plan: Plan, report: Report) -> None:
    """Tell of every step, in the plan's order."""
    for step in plan.steps:
        for words in step.action.told:
            rehearse_change(words.resource, words.verb.doing, words.verb.done, report)


def rehearse_change(resource: str, doing: str, done: str, report: Report, *, task: str = "") -> None:
    """Tell of one change of one resource."""
    tell = rehearsing(report)
    tell(Update(resource, doing, Phase.WORKING, task=task))
    tell(Update(resource, done, task=task))
