"""Columns of text."""

from __future__ import annotations

from collections.abc import Sequence

_GAP = 3


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, narrowest: int = 0) -> str:
    """Columns as wide as their widest cell and three spaces, and not narrower than `narrowest`.

    Every line ends with a newline. Rows may differ in length; the last cell of a row does not widen its column.
    """
    lines = [list(header), *map(list, rows)]
    widths = [0] * max(map(len, lines))
    for line in lines:
        for column, cell in enumerate(line[:-1]):
            widths[column] = max(widths[column], _width(cell) + _GAP, narrowest)
    return "".join("".join(map(_padded, line, widths)).rstrip(" ") + "\n" for line in lines)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    """How many columns of a terminal the text takes: two for each Chinese, Japanese or Korean sign."""
    if cell.isascii():
        return len(cell)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(sign) else 1 + (east_asian_width(sign) in "WF") for sign in cell)
