"""`make bench`: how long bringing stacks up and down takes, beside other tools where they are installed and running.

Each round brings a stack of N equal services up, up again (nothing to do), and down. Tools take turns within a round,
so that a slow moment of the machine hits them all. What is printed are median and min..max of the rounds, in seconds.
`cold` means that no engine runs when `up` is called; images are always there.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# The first process of a container has no default signal handlers; this one ends at once when it is asked to.
COMMAND = "trap 'exit 0' TERM; sleep 100000 & wait"
PYCOMPOSE = [str(Path(sys.prefix) / "bin" / "pycompose")]
Timings = dict[tuple[str, int, str], list[float]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that takes compose commands. `wait` is its way of `up` until everything runs."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    up: Sequence[str] = ("up", "--detach")
    before_up: Callable[[], None] = lambda: None

    def run(self, directory: Path, *arguments: str) -> float:
        """Run one command in a project's directory and return its seconds. Raises `SystemExit` with its output."""
        began = time.perf_counter()
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=directory,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{self.name} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return seconds


@dataclass(frozen=True, slots=True)
class Home:
    """The directories of the engine that is measured."""

    place: Path

    @property
    def environment(self) -> dict[str, str]:
        variables = {
            "PYCOMPOSE_STATE_DIR": str(self.place / "state"),
            "PYCOMPOSE_RUN_DIR": str(self.place / "run"),
            "DOCKER_HOST": "",  # that is for the others
        }
        if "PYCOMPOSE_TEST_REGISTRY" in os.environ:
            settings = self.place / "registries.toml"
            settings.write_text(f'[registry."docker.io"]\nmirrors = ["{os.environ["PYCOMPOSE_TEST_REGISTRY"]}"]\n')
            variables["PYCOMPOSE_REGISTRIES"] = str(settings)
        return variables

    def end_engine(self) -> None:
        """Ask the engine to end and wait until it has; without one, do nothing."""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has ended while we were looking
                continue
            if "engine-daemon" in words and str(self.place / "state") in words:
                descriptor = os.pidfd_open(int(entry.parent.name))
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                select.select([descriptor], [], [], 30)
                os.close(descriptor)


def tools(home: Home) -> list[Tool]:
    """Ours, and the others that work on this machine."""
    found = [
        Tool("pycompose", PYCOMPOSE, home.environment),
        Tool("pycompose, cold", PYCOMPOSE, home.environment, before_up=home.end_engine),
    ]
    if works("docker", "compose", "version") and works("docker", "info"):
        found.append(Tool("docker compose", ["docker", "compose"]))
    if works("podman-compose", "version") and works("podman", "info"):
        found.append(Tool("podman-compose", ["podman-compose"], up=("up", "-d")))
    return found


def works(*command: str) -> bool:
    """Whether a program is installed and its daemon, if it needs one, answers."""
    if not shutil.which(command[0]):
        return False
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


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
    """One round: up, up again, down."""
    tool.before_up()
    timings[tool.name, size, "up"].append(tool.run(directory, *tool.up))
    timings[tool.name, size, "up again"].append(tool.run(directory, *tool.up))
    timings[tool.name, size, "down"].append(tool.run(directory, "down"))


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


def report(timings: Timings) -> None:
    """Print a line per tool, size and command."""
    print(f"{'tool':18}{'services':>9}  {'command':14}{'median':>8}   {'min..max':14}{'x pycompose':>12}")
    for (tool, size, command), seconds in sorted(
        timings.items(), key=lambda item: (item[0][1], item[0][2], item[0][0])
    ):
        median = statistics.median(seconds)
        ours = statistics.median(timings["pycompose", size, command])
        spread = f"{min(seconds):.2f}..{max(seconds):.2f}"
        print(f"{tool:18}{size or '':>9}  {command:14}{median:8.3f}   {spread:14}{median / ours:12.1f}")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,5,20,50", help="numbers of services")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    timings: Timings = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="pcb", dir="/var/tmp", ignore_cleanup_errors=True) as place:
        home = Home(Path(place))
        start_up(home, chosen.rounds, timings)
        try:
            compete(home, [int(size) for size in chosen.sizes.split(",")], chosen.rounds, timings)
        finally:
            home.end_engine()
    report(timings)


def compete(home: Home, sizes: Sequence[int], rounds: int, timings: Timings) -> None:
    """Let all tools take turns; a first round that is not counted brings images and caches to everyone."""
    for size in sizes:
        directory = project(home.place, size)
        for turn in range(rounds + 1):
            for tool in tools(home):
                measure(tool, directory, size, timings if turn else defaultdict(list))


if __name__ == "__main__":
    main()
