"""The document checked against `schemas/compose.json`; every deviation is reported, with its place."""

from __future__ import annotations

from compose.load.report import Report
from compose.load.tree import Map


def check_schema(tree: Map, report: Report) -> None:
    """Report everything in the document that the schema does not allow."""
