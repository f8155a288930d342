"""The processes of containers, as `top` lists them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from compose.render.tables import table

_NARROWEST, _GAP = 4, 2
_NOTHING = "-"


class Processes(Struct, frozen=True):
    """Those of one container: its service and number, the titles of the columns and the rows."""

    service: str
    number: int
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]


def processes_table(lists: Iterable[Processes]) -> str:
    """One table of all, "" if there are none; the command comes last, as it may be long."""
    found = records(lists)
    if not found:
        return ""
    titles = list(dict.fromkeys(title for record in found for title in record))
    titles.sort(key=lambda title: title == "CMD")
    rows = [[record.get(title, _NOTHING) for title in titles] for record in found]
    return table(titles, rows, narrowest=_NARROWEST, gap=_GAP)


def records(lists: Iterable[Processes]) -> list[dict[str, str]]:
    """A mapping per process, of the titles in capitals as `ps` writes them."""
    return [
        {"SERVICE": each.service, "#": str(each.number), **dict(zip(each.titles, row, strict=False))}
        for each in lists
        for row in each.rows
    ]
