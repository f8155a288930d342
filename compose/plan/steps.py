"""A plan: acts, each with those that come before it."""

from __future__ import annotations

from msgspec import Struct

from compose.plan.actions import Action


class Step(Struct, frozen=True):
    """One act, done as soon as the steps `after` are done."""

    number: int
    action: Action
    after: tuple[int, ...] = ()


class Plan(Struct, frozen=True):
    """Steps in an order in which prerequisites come first. `unchanged` are containers that stay as they are."""

    steps: tuple[Step, ...] = ()
    unchanged: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        return "\n".join(
            f"[{','.join(map(str, step.after))}] #{step.number} {step.action.title} -- {step.action.because}"
            for step in self.steps
        )


class PlanBuilder(Struct):
    """Collects steps and hands out their numbers (from 1)."""

    steps: list[Step] = []

    def add(self, action: Action, after: list[int] | tuple[int, ...] = ()) -> int:
        """Append a step after the steps with those numbers; doubles are dropped. Returns its number."""
        number = len(self.steps) + 1
        self.steps.append(Step(number, action, tuple(sorted(set(after)))))
        return number
