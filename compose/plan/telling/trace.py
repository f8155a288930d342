"""When each step of a plan ran, and the critical path: the steps that decided how long it all took."""

from __future__ import annotations

from msgspec import Struct

from compose.plan.steps import Plan, Step


class Span(Struct, frozen=True):
    """A step with its beginning and end, in seconds of one clock."""

    step: Step
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class Trace(Struct):
    """The spans of plans that were carried out one after the other, each in the order in which its steps ended."""

    phases: list[list[Span]] = []

    def begin(self, plan: Plan) -> list[Span]:
        """The list that the spans of `plan` belong into."""
        self.phases.append([])
        return self.phases[-1]

    def critical_path(self) -> list[Span]:
        """The chain of steps of which each was the last that the next one waited for, from the first to the last."""
        return [span for spans in self.phases for span in _longest_wait(spans)]


def _longest_wait(spans: list[Span]) -> list[Span]:
    by_number = {span.step.number: span for span in spans}
    chain: list[Span] = []
    last = max(spans, key=lambda span: span.ended, default=None)
    while last is not None:
        chain.append(last)
        before = [by_number[number] for number in last.step.after if number in by_number]
        last = max(before, key=lambda span: span.ended, default=None)
    return chain[::-1]
