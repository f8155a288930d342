"""Which steps of a plan may begin as others are finished. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from compose.plan.steps import Plan, Step


class Course:
    """Counts what each step still waits for."""

    def __init__(self, plan: Plan) -> None:
        self._steps = plan.steps
        self._missing = {step.number: len(step.after) for step in plan.steps}
        self._waiting: dict[int, list[Step]] = {}
        for step in plan.steps:
            for number in step.after:
                self._waiting.setdefault(number, []).append(step)

    def first(self) -> Sequence[Step]:
        """The steps that wait for none."""
        return [step for step in self._steps if not step.after]

    def after(self, step: Step) -> Sequence[Step]:
        """The steps that may begin now that this one is done; to be asked once."""
        free: list[Step] = []
        for other in self._waiting.pop(step.number, ()):
            self._missing[other.number] -= 1
            if not self._missing[other.number]:
                free.append(other)
        return free
