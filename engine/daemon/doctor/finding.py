"""What an examination says."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec


class Verdict(StrEnum):
    """`FAIL`: the engine cannot work; `WARN`: something works less well, or is left over."""

    GOOD = "ok"
    WARN = "warning"
    FAIL = "failure"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at; `hint` says how to get what is missing."""

    subject: str
    verdict: Verdict
    detail: str
    hint: str = ""

    @property
    def advice(self) -> str:
        """The hint, where there is something to mend."""
        return "" if self.verdict is Verdict.GOOD else self.hint


_MARKS: Final = {Verdict.GOOD: "ok  ", Verdict.WARN: "warn", Verdict.FAIL: "FAIL"}


def exit_status(findings: Sequence[Finding]) -> int:
    """1 if the engine cannot work here, else 0."""
    return 1 if any(finding.verdict is Verdict.FAIL for finding in findings) else 0


def as_text(findings: Sequence[Finding]) -> str:
    """A line each for people, and a hint below what is not as it should be."""
    lines = []
    width = max((len(finding.subject) for finding in findings), default=0)
    for finding in findings:
        lines.append(f"{_MARKS[finding.verdict]}  {finding.subject.ljust(width)}  {finding.detail}")
        if finding.advice:
            lines.append(f"      {' ' * width}  -> {finding.advice}")
    return "".join(f"{line}\n" for line in lines)


def as_json(findings: Sequence[Finding]) -> str:
    """One list for programs."""
    shown = [msgspec.structs.replace(finding, hint=finding.advice) for finding in findings]
    return msgspec.json.format(msgspec.json.encode(shown)).decode() + "\n"
