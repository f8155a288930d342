"""The floor: what the kernel, conmon and crun take to start containers where nobody plans, records or answers.

Two workers share the containers of a stack. Each makes the overlay mount, the network namespace with its veth in a
bridge, the bundle, and starts conmon on top of crun, as the engine does, with the same filter and the same cgroups. It
waits for the report that the container is there and lets its program run. No engine starts a stack faster with these
programs, if it has compiled the filter of system calls before, as ours has; crun alone compiles it each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from engine.kernel.mounts import mount, unmount
from engine.kernel.namespaces import drop_network_namespace
from engine.network.kernel.departing import delete_bridge, see_off
from engine.network.kernel.links import Bridge, Link
from engine.network.kernel.netlink import furnish, make_bridge
from engine.process import find_tool
from engine.runtime import cgroups, monitor
from engine.runtime.facts import host_facts
from engine.runtime.oci.bpf import FilterCache
from engine.runtime.oci.launch import Identity, Launch
from engine.runtime.oci.spec import oci_spec
from engine.runtime.surroundings import Surroundings
from engine.wire.containers import ContainerConfig, HostConfig
from scripts.bench.containers import sides
from scripts.bench.stacks import COMMAND
from scripts.bench.tools import Home, Timings

_WORKERS = 2
_BRIDGE = "pcfloor0"
_CGROUP = "/pycompose-floor"
_MTU = 1500


class Task(msgspec.Struct):
    """What a worker starts: containers `numbers`, with this lower directory, in this place.

    Either the filter of system calls `is_compiled` before it begins, or crun does it for each container.
    """

    place: str
    lower: str
    numbers: list[int]
    is_compiled: bool


def measure_floor(home: Home, sizes: Sequence[int], rounds: int, timings: Timings) -> None:
    """Start as many containers as the stacks have, and take them away again."""
    for size in sizes if rounds else ():
        lower = _lower_directory(home)
        for turn in range(rounds + 1):
            for name, is_compiled in (("kernel's floor", True), ("floor, as crun is", False)):
                seconds = _start(home.place / "floor", lower, size, is_compiled=is_compiled)
                if turn:
                    timings[name, size, "up"].append(seconds)


def _lower_directory(home: Home) -> str:
    """The image's layers, as overlayfs takes them."""
    own = sides(home)[0]
    container = own.docker("create", "busybox", "true").strip()
    try:
        return str(json.loads(own.docker("inspect", container))[0]["GraphDriver"]["Data"]["LowerDir"])
    finally:
        own.docker("rm", container)


def _start(place: Path, lower: str, size: int, *, is_compiled: bool) -> float:
    with _ground(place):
        words = [sys.executable, "-m", "scripts.bench.floor"]
        shares = [list(range(first, size, _WORKERS)) for first in range(_WORKERS)]
        tasks = [Task(str(place), lower, share, is_compiled) for share in shares]
        workers = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in tasks]
        try:
            for worker, task in zip(workers, tasks, strict=True):
                _say(worker, msgspec.json.encode(task))
            for worker in workers:
                _hear(worker)  # it is ready
            began = time.perf_counter()
            for worker in workers:
                _say(worker, b"go")
            for worker in workers:
                _hear(worker)  # its containers run
            seconds = time.perf_counter() - began
        finally:
            for worker in workers:
                worker.communicate()  # the end of its input ends it, and what it started
        return seconds


def _say(worker: subprocess.Popen[bytes], line: bytes) -> None:
    assert worker.stdin is not None
    worker.stdin.write(line + b"\n")
    worker.stdin.flush()


def _hear(worker: subprocess.Popen[bytes]) -> None:
    assert worker.stdout is not None
    if not worker.stdout.readline():
        raise SystemExit("a worker of the floor has failed")


@contextlib.contextmanager
def _ground(place: Path) -> Iterator[None]:
    """The bridge, and the place of the bundles in memory, as /run is."""
    memory = place / "run"
    memory.mkdir(parents=True)
    mount("tmpfs", memory, "tmpfs")
    try:
        make_bridge(Bridge(_BRIDGE, "02:42:0a:fe:00:01", _MTU, ("10.254.0.1/16",)))
        yield
    finally:
        see_off(delete_bridge(_BRIDGE))
        unmount(memory)
        shutil.rmtree(place)
        cgroups.remove_empty(_CGROUP)


class Worker:
    """Starts containers one after the other, and ends them."""

    def __init__(self, task: Task, bridge_index: int) -> None:
        self._place = Path(task.place)
        self._task = task
        self._bridge_index = bridge_index
        self._surroundings = Surroundings(find_tool("crun"), ())
        self._filters = FilterCache(self._place / "run" / "cache")
        self._pids: list[int] = []
        self._begun: list[Launch] = []
        if task.is_compiled:
            self._filters.annotation(oci_spec(self._launch(0), host_facts())["linux"]["seccomp"])

    def start(self, number: int) -> None:
        """Start one and let its program run."""
        launch = self._launch(number)
        self._begun.append(launch)
        directory = launch.bundle
        directory.mkdir()
        upper, work = (self._disk(number) / name for name in ("upper", "work"))
        for each in (self._disk(number), upper, work, launch.rootfs):
            each.mkdir()
        options = f"lowerdir={self._task.lower},upperdir={upper},workdir={work}"
        mount("overlay", launch.rootfs, "overlay", options=options)
        assert launch.network_namespace is not None
        address = f"10.254.{1 + number // 250}.{1 + number % 250}"
        mac = f"02:42:0a:fe:{1 + number // 250:02x}:{1 + number % 250:02x}"
        link = Link(self._bridge_index, f"pcfloor{number}x", "eth0", mac, _MTU, (f"{address}/16",))
        sockets = furnish(launch.network_namespace, [link], [("eth0", "10.254.0.1")], {})
        sockets.datagram.close()
        sockets.listener.close()
        spec = oci_spec(launch, host_facts())
        if self._task.is_compiled:
            spec["annotations"] = {"run.oci.seccomp_bpf_data": self._filters.annotation(spec["linux"].pop("seccomp"))}
        (directory / "config.json").write_bytes(msgspec.json.encode(spec))
        with self._surroundings.command() as command:
            starting = monitor.spawn(launch, directory, command, (f"--root={self._state}",))
            try:
                with os.fdopen(starting.report, closefd=False) as report:
                    self._pids.append(msgspec.json.decode(report.readline(), type=monitor.Report).data)
            finally:
                starting.close_pipes()
        fifo = os.open(self._state / launch.container_id / "exec.fifo", os.O_WRONLY | os.O_NONBLOCK)
        os.write(fifo, b"\0")
        os.close(fifo)

    def end(self) -> None:
        """End all and take everything away."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        while True:  # our own children: the monitors, which end when their containers have
            try:
                os.wait()
            except ChildProcessError:
                break
        for launch in self._begun:
            unmount(launch.rootfs)
            assert launch.network_namespace is not None
            drop_network_namespace(launch.network_namespace)
            cgroups.remove_empty(launch.cgroup)

    @property
    def _state(self) -> Path:
        return self._place / "run" / "oci"

    def _disk(self, number: int) -> Path:
        return self._place / str(number)

    def _launch(self, number: int) -> Launch:
        identity = f"floor{number}"
        return Launch(
            container_id=identity,
            config=ContainerConfig(),
            host_config=HostConfig(),
            arguments=("sh", "-c", COMMAND),
            environment=("PATH=/usr/sbin:/usr/bin:/sbin:/bin",),
            identity=Identity(0, 0, (), "/"),
            rootfs=self._disk(number) / "rootfs",
            hostname=identity,
            network_namespace=self._place / "run" / f"{identity}.net",
            cgroup=f"{_CGROUP}/{identity}",
            log_path=self._disk(number) / "log",
            bundle=self._place / "run" / identity,
        )


def main() -> None:
    """Be a worker: a task on standard input, then a line to begin, then the end of the input."""
    task = msgspec.json.decode(sys.stdin.readline(), type=Task)
    worker = Worker(task, socket.if_nametoindex(_BRIDGE))
    try:
        print("ready", flush=True)
        sys.stdin.readline()
        for number in task.numbers:
            worker.start(number)
        print("done", flush=True)
        sys.stdin.read()
    finally:
        worker.end()


if __name__ == "__main__":
    main()
