"""`docker top`: the host's ps, cut down to a container's processes."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from engine.errors import BadRequest, EngineError
from engine.process import Completed, find_tool, run
from engine.wire.containers import TopResponse

# Another column with the title PID would be taken for the processes' numbers.
_RENAMED: Final = re.compile(r"\s+(\S*)=\s*(PID\S*)")
_BLANK: Final = re.compile(r"[ \t\n\f\r]+")


async def list_processes(pids: Collection[int], arguments: str) -> TopResponse:
    """Run ps with the client's arguments. Raises `BadRequest` for those that hide the processes' numbers."""
    check_arguments(arguments)
    words = arguments.split() or ["-ef"]
    done = await _ps([*words, f"-q{','.join(map(str, sorted(pids)))}"])
    if done.returncode != 0:
        done = await _ps(words)  # not everything goes together with -q: `f` does not
    if done.returncode != 0:
        raise EngineError(f"ps: {done.stderr.decode(errors='replace').partition(chr(10))[0]}")
    return select_processes(done.stdout.decode(errors="replace"), pids)


def check_arguments(arguments: str) -> None:
    """Raise `BadRequest` for arguments that give another column the title of the processes' numbers, or that no program
    can be given.
    """
    if "\0" in arguments:
        raise BadRequest("the arguments of ps have a null character in them")
    for name, title in _RENAMED.findall(arguments):
        if name != "pid":
            raise BadRequest(f'specifying "{name}={title}" is not allowed')


def select_processes(output: str, pids: Collection[int]) -> TopResponse:
    """The lines of ps's output that are about `pids`, threads included; the last column keeps its words."""
    lines = output.splitlines()
    titles = _words(lines[0]) if lines else []
    if "PID" not in titles:
        raise EngineError("Couldn't find PID field in ps output")
    column, last = titles.index("PID"), len(titles) - 1
    processes = []
    is_of_container = False
    for words in map(_words, lines[1:]):
        if len(words) <= column:
            continue
        # A thread's line follows its process's and has a dash for the number.
        if words[column] != "-":
            is_of_container = words[column].isdecimal() and int(words[column]) in pids
        if is_of_container:
            processes.append([*words[:last], " ".join(words[last:])])
    return TopResponse(titles=titles, processes=processes)


async def _ps(words: list[str]) -> Completed:
    return await run([find_tool("ps"), *words])


def _words(line: str) -> list[str]:
    return [word for word in _BLANK.split(line) if word]
