"""A line of shortcuts that stays below a terminal's output."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from compose.render.progress import Quiet
from compose.render.style import BOLD, FAINT, paint

_ERASE = b"\r\x1b[J"


class Menu(Quiet):
    """Keeps `w Enable Watch   d Detach` below what is written through `aside`, which has to end with whole lines.

    `columns` asks for the terminal's width; what has no room is cut off, because a line that wraps is erased by half.
    """

    def __init__(self, write: Callable[[bytes], None], columns: Callable[[], int], *, colour: bool) -> None:
        self._write = write
        self._columns = columns
        self._colour = colour
        self._shortcuts: Mapping[str, str] = {}

    def show(self, shortcuts: Mapping[str, str]) -> None:
        """Draw these: key -> what it does."""
        self._shortcuts = shortcuts
        self._write(_ERASE + self._line())

    def aside(self, text: bytes, write: Callable[[bytes], None]) -> None:
        """Write above the line."""
        write(_ERASE + text + self._line())

    def close(self) -> None:
        """Take the line away."""
        self._write(_ERASE)
        self._shortcuts = {}

    def _line(self) -> bytes:
        room = self._columns() - 1
        parts: list[str] = []
        for key, what in self._shortcuts.items():
            gap = 3 if parts else 0
            room -= gap + len(key) + 1 + len(what)
            if room < 0:
                break
            told = f"{paint(key, BOLD, enabled=self._colour)} {paint(what, FAINT, enabled=self._colour)}"
            parts.append(f"{' ' * gap}{told}")
        return "".join(parts).encode()
