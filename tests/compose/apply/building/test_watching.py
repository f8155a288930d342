"""What an engine says about a build, line by line."""

from __future__ import annotations

from compose.apply.building.watching import BuildWatch
from compose.plan.telling.progress import Update
from engine.wire.images import Progress


def test_the_red_of_a_classic_builders_stderr_is_not_a_part_of_the_line() -> None:
    seen: list[Update] = []
    watch = BuildWatch("Image web", seen.append)
    for piece in ("plain\n", "\x1b[91mcareful\n\x1b[0m", "\x1b[91mfirst half, \x1b[0m", "\x1b[91msecond half\n\x1b[0m"):
        watch.see(Progress(stream=piece))
    assert [update.line for update in seen] == ["plain", "careful", "first half, second half"]
    assert list(watch.tail) == ["plain", "careful", "first half, second half"]
