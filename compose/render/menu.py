"""A line of shortcuts that stays below a terminal's output."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from compose.render.style import BOLD, FAINT, paint

_ERASE = b"\r\x1b[J"


class Menu:
    """Keeps `w Enable Watch   d Detach` below what is written through it, which has to end with whole lines.

    Before it is shown and once it is closed, that is written as it is.
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

    def write(self, text: bytes) -> None:
        """Write above the line."""
        self._write(_ERASE + text + self._line() if self._shortcuts else text)

    def over(self, tell: Callable[[str], None]) -> Callable[[str], None]:
        """`tell`, which may write to the same terminal in its own way, as one that writes above the line."""

        def above(text: str) -> None:
            if not self._shortcuts:
                tell(text)
                return
            self._write(_ERASE)
            tell(text)
            self._write(self._line())

        return above

    def close(self) -> None:
        """Take the line away."""
        if self._shortcuts:
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
