"""Where the parts of a loaded project stand in the user's files, for errors that come up later, and for origins."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from compose.errors import Location
from compose.load.origins.trace import Trace
from compose.load.tree import Map, Seq

if TYPE_CHECKING:
    from compose.load.origins.find import Origin, Origins


class Places(Struct, frozen=True, dict=True):
    """The document with its places, and what is needed to tell more about them."""

    tree: Map
    trace: Trace

    def find(self, path: Sequence[str | int], *, line: int = 0) -> tuple[Location | None, str | None]:
        """The place of the part at `path` and its line, or of the deepest part above it that a file wrote; with `line`,
        of that line within the part, counted from 1, where the file shows its text line by line.

        A part that no file wrote (the default network) has none.
        """
        where: Location | None = None
        part: object = self.tree
        for depth, step in enumerate(path):
            if isinstance(part, Map) and isinstance(step, str) and step in part.keys_at:
                # Of what has entries of its own the name says more than the first entry.
                below = part.get(step)
                where = part.key_at(step) if isinstance(below, Map | Seq) else part.value_at(step)
                part = below
            elif isinstance(part, Seq) and isinstance(step, int) and step < len(part):
                where, part = part.place(step), part[step]
            elif depth < 2:
                return None, None
            else:
                break
        if where is None or not where.line:
            return None, None
        source = self.trace.disk.source_line(where)
        if not line or not source or not source[where.column - 1 :].startswith("|"):
            return where, source
        below = Location(where.file, where.line + line)
        text = self.trace.disk.source_line(below) or ""
        return Location(below.file, below.line, len(text) - len(text.lstrip()) + 1), text

    def origins(self, path: Sequence[str | int], value: Any = None) -> tuple[Origin, ...]:
        """What gave the value at `path` of the document, the nearest cause first (see `Origins.of`)."""
        return self._origins.of(tuple(path), value)

    @functools.cached_property
    def _origins(self) -> Origins:
        from compose.load.origins.find import Origins  # hardly ever needed

        return Origins(self.tree, self.trace)
