"""Containers as processes: create, start, wait, kill, delete, and adopt after an engine restart.

A container is a conmon (engine.runtime.monitor) that outlives the engine, the init process that crun made under it, and
a cgroup. Nothing here lives only in memory: a new `Runtime` finds it all again by `adopt`.

    pid = await runtime.create(launch)        # the process exists and waits
    await runtime.start(container_id)
    status = await runtime.wait(container_id)
    await runtime.delete(container_id)
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import signal as signals
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec

from engine.errors import Conflict, NoSuchContainer, RuntimeFailure
from engine.process import wait_any
from engine.runtime import cgroups, monitor
from engine.runtime.checkpoints import Checkpoints
from engine.runtime.console import AttachedConsole, Console, reopen_log, resize_terminal
from engine.runtime.creation import Creation
from engine.runtime.exec import ExecProcess, start_exec
from engine.runtime.facts import host_facts
from engine.runtime.failures import plain
from engine.runtime.held import Held
from engine.runtime.oci.devices import device_numbers
from engine.runtime.oci.launch import ExecLaunch, ExitStatus, Launch
from engine.runtime.oci.resources import resources
from engine.runtime.programs import Programs
from engine.runtime.surroundings import Surroundings
from engine.runtime.teardown import (
    end_creation,
    end_monitor,
    has_ended,
    kill_and_wait,
    remove_traces,
)
from engine.state.paths import Paths
from engine.undo import undo_on_error
from engine.wire.containers import HostConfig

# How long a monitor may take, on a busy machine, to write down the end of its container.
_STUCK_SECONDS = 10.0


class Runtime:
    """Docker's exec driver: crun under conmon. One per engine."""

    def __init__(self, paths: Paths, *, runtime: Path | None = None) -> None:
        self._paths = paths
        self._programs = Programs((paths.containers, paths.namespaces), runtime)
        self._state = paths.runtime / "oci"
        self._creation = Creation(paths, self._programs, self._state)
        self._checkpoints = Checkpoints(self._programs, self._state)
        self._held: dict[str, Held] = {}
        # Containers between create and the end of delete: while there are any, the parent cgroup stays.
        self._present: set[str] = set()
        self._creating = 0

    def runtimes(self) -> Mapping[str, Path]:
        """The OCI runtimes that are installed, by name, the default first."""
        return self._programs.found()

    def use_runtimes(self, named: Mapping[str, Path], default: str = "") -> None:
        """Know runtimes under names of the user's, too; `default` is what a container gets that names none.

        Raises `BadRequest` if there is no runtime of that name.
        """
        self._programs.configure(named, default)

    async def create(self, launch: Launch) -> int:
        """Make the container up to the point where its program would run; returns the pid of its init. One that is
        restored from a checkpoint runs already, and wants no `start`.

        Raises `RuntimeFailure` (exit code 126 or 127 where the program cannot be run), `BadRequest` for an impossible
        wish, `Conflict` if it exists. After an error or cancellation nothing of it is left.
        """
        identity = launch.container_id
        if identity in self._present:
            raise Conflict(f"container {identity[:12]} already has a process")
        if not self._creating:
            cgroups.hasten_moves()
        self._present.add(identity)
        self._creating += 1
        record = monitor.Record(
            container_id=identity,
            bundle=str(launch.bundle),
            cgroup=launch.cgroup,
            runtime=self._programs.own_name(launch.host_config.runtime),
            is_terminal=launch.terminal,
        )
        async with undo_on_error() as undo:
            undo.append(functools.partial(self._tear_down, record))
            try:
                held = await self._creation.create(launch, record)
            finally:
                self._creating -= 1
            self._held[identity] = held
            return held.record.pid

    async def start(self, container_id: str) -> None:
        """Let a created container's program run. Raises `Conflict` if it was started or has ended."""
        if not self._programs.at(self._known(container_id).record.runtime).is_crun:
            try:
                await self._command("start", container_id)
            except RuntimeFailure as exc:
                raise Conflict(f"container {container_id[:12]} cannot be started: {exc.message}") from exc
            return
        fifo = self._state / container_id / "exec.fifo"
        try:
            # As `crun start`: the waiting init has the other end open, so this never blocks.
            descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as exc:
            if exc.errno not in (errno.ENXIO, errno.ENOENT):
                raise
            raise Conflict(f"container {container_id[:12]} is not waiting to be started") from exc
        try:
            os.write(descriptor, b"\0")
            fifo.unlink()
        finally:
            os.close(descriptor)

    async def kill(self, container_id: str, signal: int) -> None:
        """Send a signal to the container's init. Raises `Conflict` if it has ended."""
        held = self._held.get(container_id)
        if held is None or held.pidfd is None:
            raise Conflict(f"Container {container_id} is not running")
        try:
            signals.pidfd_send_signal(held.pidfd, signal)
        except ProcessLookupError:
            raise Conflict(f"Container {container_id} is not running") from None

    async def wait(self, container_id: str) -> ExitStatus:
        """Wait for the end of a container that was created or adopted here. Cancelling it changes nothing."""
        held = self._known(container_id)
        while held.status is None:
            if held.monitor_pidfd is not None and held.pidfd is not None:
                await wait_any(held.monitor_pidfd, held.pidfd)
            if held.monitor_pidfd is not None:  # else the container was deleted meanwhile
                await end_monitor(held.monitor_pidfd, within_seconds=_STUCK_SECONDS)
            await held.settle(self._directory(held.record.container_id))
        return held.status

    async def adopt(self, container_id: str) -> int | ExitStatus | None:
        """Take over a container of an earlier engine: its pid if it lives, its status if it ended, None if unknown."""
        held = self._held.get(container_id)
        if held is None:
            record = monitor.read_record(self._directory(container_id))
            if record is None or record.pid == 0:
                return None
            held = Held.by(record)
            self._held[container_id] = held
            self._present.add(container_id)
        if held.monitor_pidfd is None or has_ended(held.monitor_pidfd):
            await held.settle(self._directory(held.record.container_id))
        return held.status or held.record.pid

    async def delete(self, container_id: str, *, also: Callable[[], None] = lambda: None) -> None:
        """End whatever runs in a container and remove every trace of it, but not its log. Idempotent.

        `also` is done once nothing runs any more, on the thread that does the rest, which saves a change of threads
        for those who have to let go of something themselves. It must not raise, and is left out after an error.
        """
        held = self._held.get(container_id)
        record = held.record if held else monitor.read_record(self._directory(container_id))
        if record is None:
            record = monitor.Record(container_id=container_id, bundle="", cgroup=f"{self._paths.cgroup}/{container_id}")
        await self._tear_down(record, also)

    @asynccontextmanager
    async def attach(self, container_id: str) -> AsyncIterator[Console]:
        """The container's stdio, from when it is created. The console must be read, or the container stalls.

        Raises `Conflict` if the container has ended.
        """
        console = AttachedConsole.connect(Path(self._known(container_id).record.bundle))
        try:
            yield console
        finally:
            await console.aclose()

    async def resize(self, container_id: str, height: int, width: int) -> None:
        """Tell a container's terminal its size in characters; ignored where there is no terminal."""
        record = self._known(container_id).record
        if record.is_terminal:
            resize_terminal(Path(record.bundle), height, width)

    def reopen_log(self, container_id: str) -> None:
        """Have the container's monitor go on with a new log file. Raises `Conflict` if it has ended."""
        reopen_log(Path(self._known(container_id).record.bundle))

    async def exec(self, container_id: str, launch: ExecLaunch) -> ExecProcess:
        """Start a further process in a running container.

        Raises `RuntimeFailure` with exit code 126 or 127 where the program cannot be run, `Conflict` if the container
        is not running.
        """
        held = self._known(container_id)
        if held.status is not None or held.pidfd is None or has_ended(held.pidfd):
            raise Conflict(f"container {container_id} is not running")
        return await start_exec(
            self._programs.at(held.record.runtime),
            launch,
            record=held.record,
            state=self._state,
            directory=self._directory(container_id),
        )

    async def pids(self, container_id: str) -> list[int]:
        """The processes of a container as the host numbers them, from its cgroup."""
        return cgroups.process_ids(self._known(container_id).record.cgroup)

    async def pause(self, container_id: str) -> None:
        """Freeze every process of a container. Raises `Conflict` if it has just ended."""
        try:
            await self._command("pause", container_id)
        except RuntimeFailure as exc:
            if await self.pids(container_id):
                raise
            raise Conflict(f"container {container_id} is not running") from exc

    async def resume(self, container_id: str) -> None:
        """Thaw what `pause` froze. Nothing is left to thaw where SIGKILL ended it: cgroup v2 lets that through."""
        try:
            await self._command("resume", container_id)
        except RuntimeFailure:
            if await self.pids(container_id):
                raise

    async def require_checkpoints(self, runtime: str) -> None:
        """Raise `Unavailable` with what is missing, unless containers of a runtime ("" the default one) can be
        checkpointed and restored here.
        """
        await self._checkpoints.require(runtime)

    async def checkpoint(self, container_id: str, images: Path, *, lock: int) -> None:
        """Write a container's processes as files into the directory `images`. They live on, frozen ones frozen.

        The lock behind the descriptor `lock` is held as long as the files are being written, even if the engine ends
        meanwhile. It is not cancelled before its end. Raises `RuntimeFailure` with CRIU's words.
        """
        record = self._known(container_id).record
        await self._checkpoints.take(record, images, self._directory(container_id) / "criu", lock)

    def kill_frozen(self, container_id: str) -> None:
        """SIGKILL every process of a frozen container, and thaw it: none of them does anything more."""
        cgroup = self._known(container_id).record.cgroup
        for pid in cgroups.members(cgroup):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signals.SIGKILL)
        cgroups.thaw(cgroup)

    def has_process(self, container_id: str) -> bool:
        """Whether a container's process has not ended. An end is known here before anyone told of it."""
        held = self._held.get(container_id)
        return held is not None and held.pidfd is not None and not has_ended(held.pidfd)

    def is_frozen(self, container_id: str) -> bool:
        """Whether `pause` has frozen a container, and `resume` has not thawed it, whichever engine's."""
        return cgroups.is_frozen(self._known(container_id).record.cgroup)

    async def update(self, container_id: str, host_config: HostConfig) -> None:
        """Change those limits of a running container that this configuration sets.

        `pids_limit` 0 means none, and so does a negative `cpu_quota`.
        """
        limits = resources(host_config, host_facts(), device_numbers)
        path = self._directory(container_id) / "update.json"
        path.write_bytes(msgspec.json.encode(limits))
        await self._command("update", "--resources", str(path), container_id)
        # crun writes numbers only, and those without a sign.
        if host_config.pids_limit == 0:
            cgroups.allow_any_processes(self.cgroup_of(container_id))
        if host_config.cpu_quota < 0:
            cgroups.allow_any_time(self.cgroup_of(container_id))

    async def recover(self, known: Collection[str]) -> None:
        """Remove what is left of containers that no record knows: monitors, processes, cgroups."""
        found = cgroups.children(self._paths.cgroup)
        for place in (self._paths.runtime, self._state):
            if place.is_dir():
                found |= {path.name for path in place.iterdir() if path != self._state}
        for container_id in sorted(found - set(known)):
            await self.delete(container_id)

    def close(self) -> None:
        """Let go of all descriptors; the containers live on."""
        for held in self._held.values():
            held.close()
        self._held.clear()
        self._programs.close()

    def cgroup_of(self, container_id: str) -> str:
        """The cgroup of a container, for `engine.runtime.stats`."""
        return self._known(container_id).record.cgroup

    def _directory(self, container_id: str) -> Path:
        return self._paths.runtime / container_id

    def _known(self, container_id: str) -> Held:
        try:
            return self._held[container_id]
        except KeyError:
            raise NoSuchContainer(container_id) from None

    async def _tear_down(self, record: monitor.Record, also: Callable[[], None] = lambda: None) -> None:
        identity = record.container_id
        held = self._held.get(identity) or Held.by(record)
        try:
            if held.pidfd is not None and not has_ended(held.pidfd):
                cgroups.thaw(record.cgroup)
                await kill_and_wait(held.pidfd)
            if held.monitor_pidfd is not None and record.pid:
                await end_monitor(held.monitor_pidfd)
            elif held.monitor_pidfd is not None:
                await end_creation(held.monitor_pidfd, record.monitor_pid)
            await held.settle(self._directory(held.record.container_id))
            await remove_traces(record, (str(self._directory(identity)), str(self._state / identity)), also)
        except BaseException:
            if identity not in self._held:
                held.close()
            raise
        held.close()
        self._held.pop(identity, None)
        self._present.discard(identity)
        if not self._present:
            # No await since the check: a create that begins now makes the parent again.
            cgroups.remove_empty(self._paths.cgroup)
            cgroups.remove_empty(self._paths.monitors_cgroup)

    async def _command(self, verb: str, *arguments: str) -> None:
        """Run a container's runtime for a rare verb; its id stands last. Raises `RuntimeFailure` with its words."""
        words = (f"--root={self._state}", verb, *arguments)
        surroundings = self._programs.at(self._known(arguments[-1]).record.runtime)
        await anyio.to_thread.run_sync(_run_to_end, surroundings, words)


def _run_to_end(surroundings: Surroundings, words: Sequence[str]) -> None:
    child = surroundings.start(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = child.communicate()
    if child.returncode != 0:
        raise RuntimeFailure(f"OCI runtime {words[1]} failed: {plain(said.decode(errors='replace'))}")
