"""A trace as a line, and as a file for Perfetto or chrome://tracing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from compose.plan.telling.trace import Span


def path_line(path: Sequence[Span]) -> str:
    """`pull db 0.9 s → start db 0.02 s → healthy db 1.1 s`."""
    total = path[-1].ended - path[0].began if path else 0.0
    steps = " → ".join(f"{span.step.action.label} {_seconds(span.seconds)}" for span in path)
    return f"critical path, {_seconds(total)}: {steps}\n" if path else "critical path: nothing was done\n"


def trace_events(phases: Iterable[Sequence[Span]], path: Sequence[Span]) -> str:
    """Chrome's Trace Event Format (JSON): a lane for each step that runs at the same time as others.

    Times are microseconds since the first step; steps of the critical path have the category `critical`.
    """
    spans = sorted((span for spans in phases for span in spans), key=lambda span: (span.began, span.step.number))
    start = spans[0].began if spans else 0.0
    critical = {id(span) for span in path}
    lanes: list[float] = []  # when each becomes free
    events = []
    for span in spans:
        lane = next((number for number, free in enumerate(lanes) if free <= span.began), len(lanes))
        lanes[lane : lane + 1] = [span.ended]
        events.append(
            {
                "name": span.step.action.label,
                "cat": "critical" if id(span) in critical else "step",
                "ph": "X",
                "ts": round((span.began - start) * 1e6),
                "dur": round(span.seconds * 1e6),
                "pid": 1,
                "tid": lane + 1,
                "args": {"because": span.step.action.because, "step": span.step.number, "after": span.step.after},
            }
        )
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, indent=1, ensure_ascii=False) + "\n"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 0.995 else f"{seconds:.1f} s"
