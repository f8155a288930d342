"""Log lines with the name of the container before each, every name in its own colour."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from compose.plan.telling.progress import Ended, Output
from compose.render.style import PREFIXES, paint


class LogFormat:
    """Turns output into bytes to write. Names known at the beginning set the width of the prefix column."""

    def __init__(self, names: Iterable[str] = (), *, colour: bool, prefix: bool = True) -> None:
        self._colour = colour
        self._prefix = prefix
        self._numbers = count()
        self._colours: dict[str, str] = {}
        self._prefixes: dict[str, bytes] = {}
        self._width = 0
        for name in names:
            self._know(name)

    def output(self, item: Output) -> bytes:
        """The lines, each with its prefix and end."""
        prefix = self._prefix_of(item.source)
        return prefix + (b"\n" + prefix).join(item.lines) + b"\n" if item.lines else b""

    def ended(self, item: Ended) -> bytes:
        """`web-1 exited with code 0`."""
        self._know(item.source)
        what = f"{item.source} exited with code {item.exit_code}" + (" (restarting)" if item.will_restart else "")
        return f"{paint(what, self._colours[item.source], enabled=self._colour)}\n".encode()

    def _know(self, name: str) -> None:
        if name not in self._colours:
            self._colours[name] = PREFIXES[next(self._numbers) % len(PREFIXES)]
            self._width = max(self._width, len(name) + 1)
            self._prefixes.clear()

    def _prefix_of(self, name: str) -> bytes:
        if not self._prefix:
            return b""
        self._know(name)
        if name not in self._prefixes:
            text = f"{name.ljust(self._width)} | "
            self._prefixes[name] = paint(text, self._colours[name], enabled=self._colour).encode()
        return self._prefixes[name]
