"""Containers through one engine and the other: `run --rm true`, exec, logs and many starts at once, and what running
containers cost.

Both engines are driven by the same docker command line, and by the same client where the command line itself would be
most of what is measured. Memory is what is not shared with others (PSS), of what each engine runs for its containers
beside their own processes: conmon here, a shim and proxies there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import anyio

from engine.client import EngineClient
from engine.wire.containers import ContainerCreateRequest
from scripts.bench.images import own_engine
from scripts.bench.tools import Home, Timings, works

_AT_ONCE = 50
_LINES = 400_000
_CROWD = 100
_IDLE_SECONDS = 10.0
_IMAGE = "busybox"
_SLEEPER = ContainerCreateRequest(image=_IMAGE, cmd=["sleep", "100000"])
_PASSER = ["run", "--rm", _IMAGE, "true"]
_TALKER = ["sh", "-c", f"seq {_LINES}"]


@dataclass(frozen=True, slots=True)
class Side:
    """An engine that takes part, and what the processes are called that it runs for each container."""

    tool: str
    address: str
    monitors: tuple[str, ...]

    def docker(self, *arguments: str) -> str:
        """Run a docker command to its end. Raises `SystemExit` with what it said."""
        command = ["docker", "-H", self.address, *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{self.tool}: docker {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def seconds(self, *arguments: str) -> float:
        """How long a docker command takes."""
        began = time.perf_counter()
        self.docker(*arguments)
        return time.perf_counter() - began


def sides(home: Home) -> list[Side]:
    """Ours, and Docker where it works; with the image that is needed."""
    found = [Side("pycompose", own_engine(home), ("conmon",))]
    if works("docker", "info"):
        address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        found.append(Side("docker", address, ("containerd-shim", "docker-proxy")))
    for side in found:
        if not side.docker("images", "-q", _IMAGE):
            side.docker("pull", "-q", _IMAGE)
    return found


def run_containers(home: Home, rounds: int, timings: Timings) -> None:
    """Let the engines take turns."""
    if not rounds or not shutil.which("docker"):
        return
    engines = sides(home)
    names = {side: f"bench-{uuid4().hex[:8]}" for side in engines}
    for side, name in names.items():
        side.docker(*_PASSER)
        side.docker("run", "-d", "--name", name, _IMAGE, "sleep", "100000")
        side.docker("run", "--name", f"{name}-talker", _IMAGE, *_TALKER)
    try:
        for _ in range(rounds):
            for side in engines:
                _measure(side, names[side], timings)
    finally:
        for side, name in names.items():
            side.docker("rm", "-f", "-v", name, f"{name}-talker")


def _measure(side: Side, name: str, timings: Timings) -> None:
    for _ in range(5):
        timings[side.tool, 1, "run --rm true"].append(side.seconds(*_PASSER))
        timings[side.tool, 1, "exec true"].append(side.seconds("exec", name, "true"))
    began = time.perf_counter()
    lines = side.docker("logs", f"{name}-talker").count("\n")
    timings[side.tool, _LINES, "logs"].append(time.perf_counter() - began)
    if lines != _LINES:
        raise SystemExit(f"{side.tool}: {lines} of {_LINES} log lines")
    timings[side.tool, _AT_ONCE, "starts at once"].append(anyio.run(_start_at_once, side.address, _AT_ONCE, True))


async def _start_at_once(address: str, count: int, removes: bool) -> float:
    """Create containers, start them all at once and return how long that took."""
    async with EngineClient(address) as client:
        made = [(await client.create_container(f"bench-{uuid4().hex[:8]}", _SLEEPER)).id for _ in range(count)]
        began = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for container in made:
                tasks.start_soon(client.start_container, container)
        seconds = time.perf_counter() - began
        if removes:
            for container in made:
                await client.remove_container(container, force=True)
    return seconds


def weigh_containers(home: Home, count: int = _CROWD) -> list[str]:
    """What `count` running containers take, and the idle engine with them: lines to print."""
    if not count or not shutil.which("docker"):
        return []
    found = []
    for side in sides(home):
        before = _pss_kib(side.monitors)
        anyio.run(_start_at_once, side.address, count, False)
        each = (_pss_kib(side.monitors) - before) / count
        found.append(f"{side.tool:18}{count:9}  per container  {each / 1024:8.2f} MiB beside its own processes")
        if side.tool == "pycompose":
            found += _weigh_engine(home, count)
        crowd = side.docker("ps", "-q", "--filter", "name=bench-").split()
        side.docker("rm", "-f", *crowd)
    return found


def _weigh_engine(home: Home, count: int) -> Iterator[str]:
    (pid,) = home.engine_pids()
    ticks = _cpu_ticks(pid)
    time.sleep(_IDLE_SECONDS)  # what is measured is that nothing happens
    share = (_cpu_ticks(pid) - ticks) / os.sysconf("SC_CLK_TCK") / _IDLE_SECONDS
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    yield f"{'pycompose':18}{count:9}  engine         {resident / 1024:8.0f} MiB RSS, {share:.2%} of a CPU idle"


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _pss_kib(names: tuple[str, ...]) -> int:
    """The proportional set size of all processes whose program's name begins so."""
    return sum(_each_pss(lambda name: name.startswith(names)))


def _each_pss(is_wanted: Callable[[str], bool]) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if is_wanted((entry / "comm").read_text().strip()):
                lines = (entry / "smaps_rollup").read_text().splitlines()
                yield next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (FileNotFoundError, ProcessLookupError):  # it has ended while we were looking
            continue
