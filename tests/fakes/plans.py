"""Plans as tests write them down."""

from __future__ import annotations

from textwrap import dedent


def expect(text: str) -> str:
    """The lines of a plan, out of a text that is indented as the test around it."""
    return dedent(text).strip()
