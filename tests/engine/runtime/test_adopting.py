"""What an engine finds of the one before it: containers that live, have ended, or were in the making."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from engine.runtime import cgroups
from engine.runtime.creation import Creation
from engine.runtime.monitor import Record, read_record, write_record
from engine.runtime.oci.launch import ExitStatus
from engine.runtime.programs import Programs
from engine.runtime.runtime import Runtime
from engine.runtime.teardown import has_ended
from engine.state.paths import Paths
from tests.engine.runtime.harness import (
    MakeLaunch,
    execute,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.root]


async def test_a_new_engine_adopts_the_living_and_learns_how_the_others_ended(
    runtime: Runtime, make_launch: MakeLaunch, paths: Paths
) -> None:
    living = await started(runtime, make_launch("sleep", "100"))
    ended = await started(runtime, make_launch("sh", "-c", "exit 4"))
    await runtime.wait(ended.container_id)
    second = Runtime(paths)
    pid = await second.adopt(living.container_id)
    assert isinstance(pid, int)
    assert pid in await second.pids(living.container_id)
    status = await second.adopt(ended.container_id)
    assert isinstance(status, ExitStatus)
    assert status.exit_code == 4
    assert await second.adopt("0" * 64) is None
    assert (await execute(second, living, "echo", "hello"))[1] == b"hello\n"
    await second.kill(living.container_id, signal.SIGKILL)
    with anyio.fail_after(60):
        assert (await second.wait(living.container_id)).exit_code == 137
    for launch in (living, ended):
        await second.delete(launch.container_id)
    second.close()
    runtime.close()


async def test_a_container_whose_monitor_was_killed_is_ended(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    record = read_record(runtime._directory(launch.container_id))
    assert record is not None
    os.kill(record.monitor_pid, signal.SIGKILL)
    with anyio.fail_after(60):
        assert (await runtime.wait(launch.container_id)).exit_code == 137
    await runtime.delete(launch.container_id)


def test_the_last_whole_line_that_was_noted_of_a_container_counts(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    first, second = (Record(container_id="c", bundle="/b", cgroup="/c", pid=pid) for pid in (0, 7))
    (tmp_path / "record.json").write_text('{"container_id": "c", ')
    assert read_record(tmp_path) is None
    (tmp_path / "record.json").unlink()
    for record in (first, second):
        write_record(tmp_path, record)
        assert read_record(tmp_path) == record
    with (tmp_path / "record.json").open("a") as file:
        file.write('{"container_id": "c", "bund')
    assert read_record(tmp_path) == second


async def test_what_no_record_knows_is_removed_and_the_rest_is_kept(
    runtime: Runtime, make_launch: MakeLaunch, paths: Paths
) -> None:
    orphan = await started(runtime, make_launch("sleep", "100"))
    kept = await started(runtime, make_launch("sleep", "100"))
    runtime.close()
    second = Runtime(paths)
    await second.recover({kept.container_id})
    assert await second.adopt(orphan.container_id) is None
    assert isinstance(await second.adopt(kept.container_id), int)
    assert cgroups.children(paths.cgroup) == {kept.container_id}
    await second.delete(kept.container_id)
    second.close()


async def test_a_container_in_the_making_when_the_engine_died_can_be_deleted_and_made(
    make_launch: MakeLaunch, paths: Paths
) -> None:
    launch = make_launch("sleep", "100")
    record = Record(container_id=launch.container_id, bundle=str(launch.bundle), cgroup=launch.cgroup)
    programs = Programs((paths.containers, paths.namespaces))
    creation = Creation(paths, programs, paths.runtime / "oci")
    with ExitStack() as stack:
        # As far as an engine gets that is killed before the monitor's first report.
        starting, _noted = creation.spawn(launch, record, stack)
    second = Runtime(paths)
    await second.delete(launch.container_id)
    assert has_ended(starting.pidfd)
    await second.create(launch)
    await second.delete(launch.container_id)
    assert cgroups.children(paths.cgroup) == set()
    starting.close_pipes()
    os.close(starting.pidfd)
    programs.close()
    second.close()
