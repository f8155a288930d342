"""Columns of text."""

from __future__ import annotations

from collections.abc import Sequence

# What no column of docker compose's own listings is narrower than, its gap included.
COMPOSE_NARROWEST = 20


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, narrowest: int = 0, gap: int = 3) -> str:
    """Columns as wide as their widest cell and a gap, and not narrower than `narrowest`: Go's text/tabwriter.

    Every line ends with a newline. Rows may differ in length; the last cell of a row neither widens its column nor is
    it padded, so that there are spaces at the end of a line only before an empty cell.
    """
    lines = [list(header), *map(list, rows)]
    widths = [0] * max(map(len, lines))
    for line in lines:
        for column, cell in enumerate(line[:-1]):
            widths[column] = max(widths[column], _width(cell) + gap, narrowest)
    return "".join("".join([*map(_padded, line[:-1], widths), *line[-1:]]) + "\n" for line in lines)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    """How many columns of a terminal the text takes: two for each Chinese, Japanese or Korean sign."""
    if cell.isascii():
        return len(cell)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(sign) else 1 + (east_asian_width(sign) in "WF") for sign in cell)
