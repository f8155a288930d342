"""Rules of single entries that the schema cannot say."""

from __future__ import annotations

from compose.load.report import Report
from compose.load.tree import Map


def check_entries(tree: Map, report: Report) -> None:
    """Report entries that contradict themselves."""


def check_project(parts: object, tree: Map, report: Report) -> None:
    """Report references between services and resources that lead nowhere."""
