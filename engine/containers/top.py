"""`docker top`: the host's ps, cut down to a container's processes."""

from __future__ import annotations

from collections.abc import Collection

from engine.errors import BadRequest, EngineError
from engine.process import find_tool, run
from engine.wire.containers import TopResponse


async def list_processes(pids: Collection[int], arguments: str) -> TopResponse:
    """Run ps with the client's arguments. Raises `BadRequest` when they leave the PID column out."""
    words = arguments.split() or ["-ef"]
    done = await run([find_tool("ps"), *words])
    if done.returncode != 0:
        raise EngineError(f"ps: {done.stderr.decode(errors='replace').strip()}")
    return select_processes(done.stdout.decode(errors="replace"), pids)


def select_processes(output: str, pids: Collection[int]) -> TopResponse:
    """The lines of ps's output that are about `pids`; the last column keeps its spaces."""
    lines = output.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise BadRequest("Couldn't find PID field in ps output", hint="do not leave the PID column out")
    column = titles.index("PID")
    rows = [line.split(None, len(titles) - 1) for line in lines[1:]]
    return TopResponse(
        titles=titles,
        processes=[row for row in rows if len(row) > column and row[column].isdecimal() and int(row[column]) in pids],
    )
