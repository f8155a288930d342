"""Making a container up to the point where its program would run: bundle, monitor, and the process that waits."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import anyio
import msgspec

from engine.errors import RuntimeFailure
from engine.kernel.smallfiles import write
from engine.kernel.threads import brief
from engine.runtime import cgroups, criu, monitor
from engine.runtime.facts import host_facts
from engine.runtime.failures import create_failure
from engine.runtime.held import Held
from engine.runtime.oci.bpf import FilterCache, Uncompilable
from engine.runtime.oci.launch import Launch
from engine.runtime.oci.spec import oci_spec
from engine.runtime.programs import Programs
from engine.runtime.teardown import kill_and_wait, reap
from engine.state.paths import Paths


class Creation:
    """Makes the containers of one engine. What a failure leaves half made is the caller's to tear down.

    `state` is the runtimes' own directory (`--root`).
    """

    def __init__(self, paths: Paths, programs: Programs, state: Path) -> None:
        self._paths = paths
        self._programs = programs
        self._state = state
        self._filters = FilterCache(paths.root / "cache")

    async def create(self, launch: Launch, record: monitor.Record) -> Held:
        """Make a container; `record` is what is noted of it before there is a process.

        Raises `RuntimeFailure` (exit code 126 or 127 where the program cannot be run), `BadRequest` for an impossible
        wish. After an error or cancellation no descriptor is open, but files and processes may be left.
        """
        stack = contextlib.ExitStack()
        try:
            starting, record = await brief(self.spawn, launch, record, stack)
            pid = await _reported(starting, launch)
            # Shielded: what is open must get to somebody who closes it.
            with anyio.CancelScope(shield=True):
                held = await brief(self._made, launch, record, pid, starting, stack)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await brief(stack.close)
            raise
        return held

    def spawn(
        self, launch: Launch, record: monitor.Record, stack: contextlib.ExitStack
    ) -> tuple[monitor.Starting, monitor.Record]:
        """Start the monitor, which makes the container. Returns it, and the record that names it. Blocks.

        The record is on the disk: it tells the next engine whom to end, should this one die before there is a process.
        `stack` is for what the monitor needs until its first report.
        """
        directory = self._paths.runtime / launch.container_id
        surroundings = self._programs.at(record.runtime)
        spec = oci_spec(launch, host_facts())
        if surroundings.is_crun:
            self._precompile(spec)
        directory.mkdir(mode=0o700, parents=True)
        monitor.write_record(directory, record)
        if launch.bundle != directory:
            launch.bundle.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_bundle(launch, spec)
        command = stack.enter_context(surroundings.command())
        starting = monitor.spawn(launch, directory, command, (f"--root={self._state}",))
        if cgroups.is_in_service():
            # Nobody waits for it: meanwhile the runtime makes the container.
            place = (starting.pid, self._paths.monitors_cgroup)
            threading.Thread(target=cgroups.move_apart, args=place, name="move-monitor", daemon=True).start()
        begun = monitor.started_at(starting.pid)
        record = msgspec.structs.replace(record, monitor_pid=starting.pid, monitor_started=begun)
        monitor.write_record(directory, record)
        return starting, record

    def _made(
        self,
        launch: Launch,
        record: monitor.Record,
        pid: int,
        starting: monitor.Starting,
        stack: contextlib.ExitStack,
    ) -> Held:
        """Note what was made. Not on the event loop: the last one who leaves a mount namespace waits until the kernel
        took it down.
        """
        with stack:
            pidfd, begun = monitor.open_new(pid)
            try:
                record = msgspec.structs.replace(record, pid=pid, pid_started=begun)
                monitor.write_record(self._paths.runtime / record.container_id, record)
                for member in (pid,) if launch.restored_from is None else _restored(launch):
                    cgroups.move_along(member, self._paths.cgroup)
            except BaseException:
                if pidfd is not None:
                    os.close(pidfd)
                raise
            return Held(record, pidfd, starting.pidfd)

    def _precompile(self, spec: dict[str, object]) -> None:
        """Hand crun a compiled filter in place of the seccomp section; other runtimes compile it themselves."""
        linux = spec["linux"]
        assert isinstance(linux, dict)
        section = linux.get("seccomp")
        if section is None:
            return
        with contextlib.suppress(Uncompilable):
            filter_text = self._filters.annotation(section)
            given = spec.get("annotations")
            own = {"run.oci.seccomp_bpf_data": filter_text}
            spec["annotations"] = {**given, **own} if isinstance(given, dict) else own
            del linux["seccomp"]


def _write_bundle(launch: Launch, spec: dict[str, object]) -> None:
    for path, text in launch.files.items():
        write(path, text.encode(), mode=0o644)
    write(launch.bundle / "config.json", msgspec.json.encode(spec))


def _restored(launch: Launch) -> list[int]:
    """The processes that were restored, at work already; of CRIU's notes nothing stays."""
    for name in criu.RESTORE_NOTES:
        Path(launch.bundle, name).unlink(missing_ok=True)
    return cgroups.process_ids(launch.cgroup)


def _failure(launch: Launch, words: str) -> RuntimeFailure:
    if launch.restored_from is None:
        return create_failure(words, launch.arguments[0])
    return criu.restore_failure(words, launch.bundle / criu.RESTORE_LOG)


async def _reported(starting: monitor.Starting, launch: Launch) -> int:
    """Wait until the container is made; returns its pid. Ends the monitor of one that cannot be."""
    try:
        return await monitor.first_report(starting)
    except BaseException as exc:
        with anyio.CancelScope(shield=True):
            await kill_and_wait(starting.pidfd)
        reap(starting.pidfd)
        os.close(starting.pidfd)
        if isinstance(exc, RuntimeFailure):
            raise _failure(launch, exc.message) from exc
        raise
    finally:
        starting.close_pipes()
