"""How long bringing stacks up and down takes.

Each round brings a stack of N equal services up, up again (nothing to do), lists it and brings it down. Then come a
chain, where each service waits until the one before it is healthy, and a service's many lines of output.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.tools import PYCOMPOSE, Home, Timings, Tool, tools

# The first process of a container has no default signal handlers; this one ends at once when it is asked to.
COMMAND = "trap 'exit 0' TERM; sleep 100000 & wait"
# The kernel takes network namespaces down afterwards: fifty of one tool are half a second of the next one's.
_PAUSE_SECONDS = 1


def project(place: Path, size: int) -> Path:
    """Write the project of `size` services."""
    directory = place / f"bench{size}"
    directory.mkdir()
    services = "".join(
        f'  s{number}:\n    image: busybox:1.36\n    command: ["sh", "-c", "{COMMAND}"]\n' for number in range(size)
    )
    (directory / "compose.yaml").write_text(f"services:\n{services}")
    return directory


def measure(tool: Tool, directory: Path, size: int, timings: Timings) -> None:
    """One round: up, up again, down; each once the kernel has cleared away what the one before has left."""
    tool.before_up()
    commands = (("up", tool.up), ("up again", tool.up), ("ps", ("ps",)), ("down", ("down",)))
    for name, arguments in commands:
        time.sleep(_PAUSE_SECONDS)
        timings[tool.name, size, name].append(tool.run(directory, *arguments))


def start_up(home: Home, rounds: int, timings: Timings) -> None:
    """The engine's start, as the difference it makes to a command, and the bare program."""
    ours = Tool("pycompose", PYCOMPOSE, home.environment)
    directory = project(home.place, 0)
    (directory / "compose.yaml").write_text("services: {none: {image: busybox}}\n")
    for _ in range(rounds):
        timings["pycompose", 0, "--version"].append(ours.run(directory, "--version"))
        home.end_engine()
        cold = ours.run(directory, "ps")
        timings["pycompose", 0, "ps"].append(warm := ours.run(directory, "ps"))
        timings["pycompose", 0, "engine start"].append(cold - warm)


def compete(home: Home, sizes: Sequence[int], rounds: int, timings: Timings) -> None:
    """Let all tools take turns; a first round that is not counted brings images and caches to everyone."""
    for size in sizes:
        directory = project(home.place, size)
        for turn in range(rounds + 1):
            for tool in tools(home):
                measure(tool, directory, size, timings if turn else defaultdict(list))


def chain(home: Home, length: int, rounds: int, timings: Timings) -> None:
    """Let all tools bring up services of which each waits until the one before it is healthy."""
    if not length:
        return
    directory = home.place / f"chain{length}"
    directory.mkdir()
    health = "    healthcheck: {test: [CMD, 'true'], interval: 1s, start_period: 10s, start_interval: 1s}\n"
    services = "".join(
        f'  s{number}:\n    image: busybox:1.36\n    command: ["sh", "-c", "{COMMAND}"]\n{health}'
        + (f"    depends_on: {{s{number - 1}: {{condition: service_healthy}}}}\n" if number else "")
        for number in range(length)
    )
    (directory / "compose.yaml").write_text(f"services:\n{services}")
    for turn in range(rounds + 1):
        for tool in tools(home):
            seconds = tool.run(directory, *tool.up)
            tool.run(directory, "down")
            if turn:
                timings[tool.name, length, "up, chain"].append(seconds)


def read_logs(home: Home, lines: int, rounds: int, timings: Timings) -> None:
    """Let all tools print the last lines of a service."""
    if not lines:
        return
    directory = home.place / f"logs{lines}"
    directory.mkdir()
    talk = f"i=0; while [ $$i -lt {lines} ]; do echo line $$i of the output of a service; i=$$((i+1)); done"
    (directory / "compose.yaml").write_text(
        f'services:\n  talker:\n    image: busybox:1.36\n    command: ["sh", "-c", "{talk}"]\n'
    )
    for tool in tools(home):
        tool.run(directory, "up")  # in the foreground: it ends when everything has been said
        for _ in range(rounds):
            seconds = tool.run(directory, "logs", "--no-color", "--tail", str(lines))
            timings[tool.name, lines, "logs --tail"].append(seconds)
        tool.run(directory, "down")
