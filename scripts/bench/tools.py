"""The programs that are measured, and what one run of them took."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PYCOMPOSE = [str(Path(sys.prefix) / "bin" / "pycompose")]
# What was measured, by tool, number of services and command: seconds.
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
        return self.measure(directory, *arguments)[0]

    def measure(self, directory: Path, *arguments: str) -> tuple[float, int]:
        """Do the same and return the seconds and the most memory that the program had, in KiB."""
        with tempfile.TemporaryFile() as output:
            began = time.perf_counter()
            program = subprocess.Popen(
                [*self.command, *arguments],
                cwd=directory,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(program.pid, 0)
            seconds = time.perf_counter() - began
            program.returncode = os.waitstatus_to_exitcode(status)
            if program.returncode:
                output.seek(0)
                raise SystemExit(f"{self.name} {' '.join(arguments)} failed:\n{output.read().decode()}")
        return seconds, used.ru_maxrss


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

    def engine_pids(self) -> list[int]:
        """The engine's process, if there is one."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has ended while we were looking
                continue
            if "engine-daemon" in words and str(self.place / "state") in words:
                found.append(int(entry.parent.name))
        return found

    def end_engine(self) -> None:
        """Ask the engine to end and wait until it has; without one, do nothing."""
        for pid in self.engine_pids():
            descriptor = os.pidfd_open(pid)
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
