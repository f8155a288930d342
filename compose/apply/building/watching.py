"""What an engine says about a build, as progress."""

from __future__ import annotations

import re
from collections import deque
from typing import Final

import msgspec
from msgspec import UNSET

from compose.apply.pulling import Tally
from compose.plan.telling.progress import Phase, Report, Update
from engine.wire.images import Progress

_STEP: Final = re.compile(r"Step \d+/\d+ : .*")
_TAIL_LINES: Final = 20
# What a classic builder puts around a piece of stderr.
_RED, _PLAIN = "\x1b[91m", "\x1b[0m"


class BuildWatch:
    """Follows one build: the step it is at, the bytes of what it pulls for that, the last lines, the image's id."""

    def __init__(self, resource: str, report: Report) -> None:
        self.image_id = ""
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._resource = resource
        self._report = report
        self._rest = ""
        self._step = ""
        self._pulled = Tally()

    def see(self, line: Progress) -> None:
        """Take in one message of the engine."""
        if line.aux is not UNSET and isinstance(identity := line.aux.get("ID"), str):
            self.image_id = identity
        if line.stream is not UNSET:
            stream = line.stream
            if stream.startswith(_RED) and stream.endswith(_PLAIN):
                stream = stream[len(_RED) : -len(_PLAIN)]
            *whole, self._rest = (self._rest + stream).split("\n")
            for text in whole:
                self._say(text.rstrip("\r"))
        elif line.status is not UNSET:
            self._see_status(line)

    def _see_status(self, line: Progress) -> None:
        if self._pulled.add(line):
            sizes = self._pulled.update(self._resource)
            self._report(msgspec.structs.replace(sizes, state="Building", detail=self._step))
        if line.progress_detail is UNSET or line.progress_detail.current is UNSET:
            self._say(f"{line.id}: {line.status}" if line.id is not UNSET else str(line.status))

    def _say(self, text: str) -> None:
        if _STEP.match(text):
            self._step = text
            self._pulled = Tally()
            self.tail.clear()
        elif text:
            self.tail.append(text)
        if text:
            self._report(Update(self._resource, "Building", Phase.WORKING, detail=self._step, line=text))
