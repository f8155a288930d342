"""Progress of a plan: redrawn lines on a terminal, one line per change elsewhere, JSON or nothing on request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from compose.plan.telling.progress import Phase, Update
from compose.render.style import BLUE, GREEN, RED, YELLOW, paint
from compose.render.units import human_size

_MARKS = {Phase.DONE: "✔", Phase.WARNING: "!", Phase.FAILED: "✘"}
_COLOURS = {Phase.DONE: GREEN, Phase.WARNING: YELLOW, Phase.FAILED: RED, Phase.WORKING: BLUE}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

Write = Callable[[str], None]


class Progress(Protocol):
    """Where updates go. `tick` is called now and then while something goes on, `close` once at the end.

    `aside` writes other text (bytes of a log) to the same terminal without tearing what is shown.
    """

    def update(self, item: Update) -> None: ...
    def tick(self) -> None: ...
    def aside(self, text: bytes, write: Callable[[bytes], None]) -> None: ...
    def close(self) -> None: ...


class Quiet:
    """Shows nothing."""

    def update(self, item: Update) -> None:
        """Ignore it."""

    def tick(self) -> None:
        """Nothing moves."""

    def aside(self, text: bytes, write: Callable[[bytes], None]) -> None:
        """Write it."""
        write(text)

    def close(self) -> None:
        """Nothing to end."""


class Plain(Quiet):
    """` Container shop-db-1  Started`: one line per change of state."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._last: dict[str, str] = {}

    def update(self, item: Update) -> None:
        """Write a line, unless only the size moved."""
        if item.line:
            self._write(f" {item.title} {item.task} {item.line}\n")
            return
        if self._last.get(item.resource) == item.state:
            return
        self._last[item.resource] = item.state
        self._write(f" {item.title} {item.task} {item.state}" + (f"  {item.detail}" if item.detail else "") + "\n")


class JsonLines(Quiet):
    """One JSON object per update, with docker compose's fields, and `phase`: how far it is, whatever the words are."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def update(self, item: Update) -> None:
        """Write a line."""
        told = {
            "dry-run": item.is_rehearsed,
            "id": item.resource,
            "text": item.task or item.detail,
            "status": item.state,
            "current": item.current,
            "total": item.total,
            "percent": 100 * item.current // item.total if item.total else 0,
            "line": item.line,
        }
        import json  # for programs that ask for it

        record = {key: value for key, value in told.items() if value} | {"phase": item.phase.value}
        self._write(json.dumps(record, separators=(",", ":")) + "\n")


class _Line(Struct):
    item: Update
    began: float
    ended: float | None = None


class Live(Quiet):
    """One line per resource with its state and elapsed time, redrawn in place.

    `clock` gives seconds; `size` the terminal's (columns, rows). Lines that would not fit are summed up.
    """

    def __init__(
        self, write: Write, *, clock: Callable[[], float], size: Callable[[], tuple[int, int]], colour: bool, verb: str
    ) -> None:
        self._write = write
        self._clock = clock
        self._size = size
        self._colour = colour
        self._verb = verb
        self._lines: dict[str, _Line] = {}
        self._drawn = 0
        self._turn = 0

    def update(self, item: Update) -> None:
        """Take the change in; it is drawn with the next `tick` (many come within one)."""
        now = self._clock()
        line = self._lines.get(item.resource)
        if line is None:
            line = self._lines[item.resource] = _Line(item, now)
        line.item = item
        line.ended = None if item.phase is Phase.WORKING else (line.ended or now)

    def tick(self) -> None:
        """Draw."""
        self._turn += 1
        if self._lines:
            self._write(self._erase() + self._picture())

    def aside(self, text: bytes, write: Callable[[bytes], None]) -> None:
        """Write above the lines: erase, write, draw again."""
        if erase := self._erase():
            self._write(erase)
        write(text)
        if self._lines:
            self._write(self._picture())

    def close(self) -> None:
        """Draw for the last time and let the lines stand."""
        self.tick()
        self._lines.clear()
        self._drawn = 0

    def _erase(self) -> str:
        erase = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
        self._drawn = 0
        return erase

    def _picture(self) -> str:
        columns, rows = self._size()
        shown = list(self._lines.values())
        done = sum(1 for line in shown if line.item.phase is not Phase.WORKING)
        picture = [f"[+] {self._verb} {done}/{len(shown)}"[: max(columns - 1, 1)]]
        room = max(rows - 2, 1)
        hidden = 0
        if len(shown) > room:
            # What still works is what one wants to see.
            shown.sort(key=lambda line: line.item.phase is not Phase.WORKING)
            hidden = len(shown) - (room - 1)
            shown = shown[: room - 1]
        width = max((len(_named(line.item)) for line in shown), default=0)
        picture += [self._row(line, width, columns) for line in shown]
        if hidden:
            picture.append(f" ... {hidden} more"[: max(columns - 1, 1)])
        # The cursor takes a row, too. What scrolled away could not be erased, and each turn would scroll more.
        picture = picture[: max(rows - 1, 1)]
        self._drawn = len(picture)
        return "\n".join(picture) + "\n"

    def _row(self, line: _Line, width: int, columns: int) -> str:
        item = line.item
        mark = _MARKS.get(item.phase, _SPINNER[self._turn % len(_SPINNER)])
        elapsed = f"{(line.ended if line.ended is not None else self._clock()) - line.began:.1f}s"
        detail = item.detail.replace("\n", " ")
        if item.total and item.phase is Phase.WORKING:
            detail = f"{human_size(item.current)} / {human_size(item.total)}"
        left = f" {mark} {_named(item).ljust(width)}  {item.state}" + (f"  {detail}" if detail else "")
        room = columns - len(elapsed) - 2
        if room <= 0:
            return left[: max(columns - 1, 1)]  # a line that wraps would be erased by half
        left = left[:room].ljust(room)
        if self._colour:
            left = left.replace(mark, paint(mark, _COLOURS[item.phase]), 1)
        return f"{left} {paint(elapsed, BLUE, enabled=self._colour)}"


def _named(item: Update) -> str:
    return f"{item.title} {item.task}" if item.task else item.title
