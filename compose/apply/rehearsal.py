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
    tell = rehearsing(report)
    for step in plan.steps:
        for words in step.action.told:
            tell(Update(words.resource, words.verb.doing, Phase.WORKING))
            tell(Update(words.resource, words.verb.done))
