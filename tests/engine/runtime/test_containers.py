"""Containers as processes, on the real kernel with the real crun and conmon."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from engine.errors import Conflict, EngineError, NoSuchContainer, RuntimeFailure
from engine.runtime.oci.launch import HOST, Identity
from engine.runtime.runtime import Runtime
from engine.runtime.teardown import has_ended
from engine.wire.containers import ContainerConfig, DeviceMapping, HostConfig
from tests.engine.runtime.harness import (
    MakeLaunch,
    execute,
    first_line,
    is_alive,
    logged,
    output,
    run_to_end,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.root]


async def test_the_exit_code_and_the_output_are_the_programs_own(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("sh", "-c", "echo out; echo err >&2; exit 7")
    status = await run_to_end(runtime, launch)
    assert (status.exit_code, status.oom_killed) == (7, False)
    assert sorted(await logged(launch)) == [(1, b"out\n"), (2, b"err\n")]


async def test_no_code_of_the_container_runs_before_start(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("echo", "hello")
    pid = await runtime.create(launch)
    assert is_alive(pid)
    assert await output(launch) == ""
    await runtime.delete(launch.container_id)


async def test_a_container_starts_only_once(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    with pytest.raises(Conflict):
        await runtime.start(launch.container_id)
    with pytest.raises(Conflict):
        await runtime.create(launch)
    await runtime.delete(launch.container_id)


async def test_the_process_sees_dockers_surroundings(runtime: Runtime, make_launch: MakeLaunch) -> None:
    script = (
        "hostname; id; pwd; echo $HOME; grep -E 'CapEff|CapBnd|Seccomp:|NoNewPrivs' /proc/self/status | sort;"
        "mount | grep -c -E ' on (/proc|/dev|/dev/pts|/sys|/dev/mqueue|/dev/shm|/sys/fs/cgroup) ';"
        "cat /proc/interrupts | wc -c; (echo x > /proc/sys/kernel/domainname) 2>/dev/null || echo read-only"
    )
    launch = make_launch("sh", "-c", script, identity=Identity(0, 0, (29,), "/root"))
    assert (await run_to_end(runtime, launch)).exit_code == 0
    lines = (await output(launch)).split("\n")
    assert lines[:4] == ["box", "uid=0(root) gid=0(root) groups=0(root),29(audio)", "/", "/root"]
    assert [line.split() for line in lines[4:8]] == [
        ["CapBnd:", "00000000a80425fb"],
        ["CapEff:", "00000000a80425fb"],
        ["NoNewPrivs:", "0"],
        ["Seccomp:", "2"],
    ]
    assert lines[8:11] == ["7", "0", "read-only"]


async def test_another_user_has_no_effective_capabilities(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("sh", "-c", "id -u; grep CapEff /proc/self/status", identity=Identity(1000, 100, (), "/"))
    await run_to_end(runtime, launch)
    assert (await output(launch)).split() == ["1000", "CapEff:", "0000000000000000"]


async def test_the_filter_lets_no_namespace_be_made_unless_privileged(
    runtime: Runtime, make_launch: MakeLaunch
) -> None:
    launch = make_launch("sh", "-c", "unshare -m true && echo made")
    assert (await run_to_end(runtime, launch)).exit_code != 0
    assert "Operation not permitted" in await output(launch)
    free = make_launch(
        "sh", "-c", "unshare -m true && echo made", host_config=HostConfig(privileged=True, security_opt=[])
    )
    assert (await run_to_end(runtime, free)).exit_code == 0
    assert await output(free) == "made\n"


@pytest.mark.parametrize(
    ("program", "exit_code", "words"),
    [
        ("no-such", 127, 'exec: "no-such": executable file not found in $PATH'),
        ("/no/such", 127, 'exec: "/no/such": stat /no/such: no such file or directory'),
        ("/etc/readable", 126, 'exec: "/etc/readable": permission denied'),
    ],
)
async def test_a_program_that_cannot_run_is_told_and_leaves_nothing(
    runtime: Runtime, make_launch: MakeLaunch, program: str, exit_code: int, words: str
) -> None:
    with pytest.raises(RuntimeFailure) as caught:
        await runtime.create(make_launch(program))
    assert caught.value.exit_code == exit_code
    assert caught.value.message.startswith("failed to create task for container")
    assert caught.value.message.endswith(words)


async def test_a_wish_that_cannot_be_granted_leaves_nothing(runtime: Runtime, make_launch: MakeLaunch) -> None:
    with pytest.raises(EngineError, match="no such file"):
        await runtime.create(
            make_launch("true", host_config=HostConfig(devices=[DeviceMapping(path_on_host="/dev/no-such")]))
        )


async def test_a_cancelled_create_leaves_nothing(runtime: Runtime, make_launch: MakeLaunch) -> None:
    for milliseconds in (0, 2, 5, 10, 15):
        with anyio.move_on_after(milliseconds / 1000) as scope:
            launch = make_launch("sleep", "100")
            await runtime.create(launch)
        if not scope.cancelled_caught:
            await runtime.delete(launch.container_id)


async def test_a_monitor_that_cannot_log_is_an_error_with_its_words(
    runtime: Runtime, make_launch: MakeLaunch, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeFailure, match="log file"):
        await runtime.create(make_launch("true", log_path=tmp_path / "missing" / "log"))


async def test_an_end_is_known_by_descriptors_of_any_number() -> None:
    program = subprocess.Popen(["cat"], stdin=subprocess.PIPE)  # noqa: ASYNC220 - it says nothing
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as undo:
        undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
        first = os.pidfd_open(program.pid)
        undo.callback(os.close, first)
        high = fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, 1500)
        undo.callback(os.close, high)
        assert not has_ended(high)
        program.communicate()
        assert has_ended(high)


async def test_a_signal_reaches_the_program(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("sh", "-c", "trap 'exit 9' TERM; echo ready; while true; do sleep 0.05; done")
    await started(runtime, launch)
    await first_line(launch)
    await runtime.kill(launch.container_id, signal.SIGTERM)
    assert (await runtime.wait(launch.container_id)).exit_code == 9
    with pytest.raises(Conflict):
        await runtime.kill(launch.container_id, signal.SIGTERM)
    await runtime.delete(launch.container_id)


async def test_a_killed_program_ends_with_128_and_the_signal(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    await runtime.kill(launch.container_id, signal.SIGKILL)
    assert (await runtime.wait(launch.container_id)).exit_code == 137
    await runtime.delete(launch.container_id)


async def test_deleting_ends_whatever_runs_and_can_be_repeated(runtime: Runtime, make_launch: MakeLaunch) -> None:
    # Among the host's processes nothing ends with the first one by itself.
    script = "trap '' TERM; sleep 100 & sleep 100 & echo ready; wait"
    launch = await started(runtime, make_launch("sh", "-c", script, pid_namespace=HOST))
    await first_line(launch)
    processes = await runtime.pids(launch.container_id)
    await runtime.delete(launch.container_id)
    await runtime.delete(launch.container_id)
    assert len(processes) == 3
    assert [pid for pid in processes if is_alive(pid)] == []
    with pytest.raises(NoSuchContainer):
        await runtime.wait(launch.container_id)


async def test_a_paused_container_stands_still_and_can_be_deleted(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    await runtime.pause(launch.container_id)
    with pytest.raises(RuntimeFailure, match="paused"):
        await execute(runtime, launch, "true")
    await runtime.resume(launch.container_id)
    assert (await execute(runtime, launch, "true"))[0] == 0
    await runtime.pause(launch.container_id)
    with anyio.fail_after(60):
        await runtime.delete(launch.container_id)


async def test_a_container_that_has_just_ended_cannot_be_paused(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("true"))
    await runtime.wait(launch.container_id)
    with pytest.raises(Conflict, match="is not running"):
        await runtime.pause(launch.container_id)
    await runtime.delete(launch.container_id)


async def test_a_paused_container_that_was_killed_ends_when_it_is_resumed(
    runtime: Runtime, make_launch: MakeLaunch
) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    await runtime.pause(launch.container_id)
    await runtime.kill(launch.container_id, signal.SIGKILL)
    await anyio.sleep(0.2)  # on cgroup v2 it is dead by now
    await runtime.resume(launch.container_id)
    assert (await runtime.wait(launch.container_id)).exit_code == 137
    await runtime.delete(launch.container_id)


async def test_containers_start_and_end_side_by_side(runtime: Runtime, make_launch: MakeLaunch) -> None:
    codes: dict[int, int] = {}

    async def one(number: int) -> None:
        codes[number] = (await run_to_end(runtime, make_launch("sh", "-c", f"exit {number}"))).exit_code

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(one, number)
    assert codes == {number: number for number in range(8)}


async def test_an_init_process_is_the_first_where_it_was_asked_for(
    runtime: Runtime, make_launch: MakeLaunch, rootfs: Path
) -> None:
    # Any static program that takes `-- command` does; here busybox's env is told by its own name.
    script = rootfs / "tmp" / "init"
    script.write_text('#!/bin/sh\nshift\necho init\nexec "$@"\n')
    script.chmod(0o755)
    launch = make_launch("echo", "hello", host_config=HostConfig(init=True), init=script)
    assert (await run_to_end(runtime, launch)).exit_code == 0
    assert await output(launch) == "init\nhello\n"


async def test_a_read_only_root_refuses_writes_but_not_to_dev_shm(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch(
        "sh",
        "-c",
        "(echo x > /file) 2>/dev/null || echo refused; echo x > /dev/shm/file && echo accepted",
        host_config=HostConfig(readonly_rootfs=True),
        config=ContainerConfig(working_dir="/tmp"),
    )
    await run_to_end(runtime, launch)
    assert (await output(launch)).split() == ["refused", "accepted"]
