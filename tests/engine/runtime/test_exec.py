"""Further processes in running containers, by each runtime that we drive in its own way: runc where there is one, in
PATH or where PYCOMPOSE_TEST_RUNC says.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.errors import RuntimeFailure
from engine.process import find_tool
from engine.runtime.exec import ExecProcess
from engine.runtime.oci.launch import ExecLaunch, Identity
from engine.runtime.runtime import Runtime
from engine.state.paths import Paths
from tests.engine.runtime.conftest import kernel_state
from tests.engine.runtime.harness import MakeLaunch, execute, is_alive, read_all, started
from tests.fakes.checkpoints import RUNC

pytestmark = [pytest.mark.anyio, pytest.mark.root]

# Signals 32 and 33, which no program can set: glibc's posix_spawn ignores them in what it starts (make uses it).
_OF_THE_C_LIBRARY = 0b11 << 31


@pytest.fixture(params=["crun", "runc"])
async def runtime(paths: Paths, request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    if request.param == "runc" and not RUNC:
        pytest.skip("there is no runc (PATH or PYCOMPOSE_TEST_RUNC)")
    before = kernel_state(paths)
    runtime = Runtime(paths, runtime=Path(RUNC) if request.param == "runc" else find_tool("crun"))
    yield runtime
    left_over = kernel_state(paths)
    await runtime.recover(())
    runtime.close()
    assert left_over == before


async def test_a_further_process_has_its_own_input_output_user_and_code(
    runtime: Runtime, make_launch: MakeLaunch
) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    assert await execute(runtime, launch, "cat", stdin=b"abc") == (0, b"abc")
    assert await execute(runtime, launch, "sh", "-c", "exit 5") == (5, b"")
    assert await execute(runtime, launch, "sh", "-c", "kill -9 $$") == (137, b"")
    who = Identity(1000, 100, (29,), "/home/user")
    _, content = await execute(runtime, launch, "sh", "-c", "id; pwd; echo $HOME", identity=who, working_dir="/etc")
    assert content == b"uid=1000(user) gid=100(users) groups=29(audio),100(users)\n/etc\n/home/user\n"
    _, content = await execute(runtime, launch, "grep", "-E", "Seccomp:|CapEff", "/proc/self/status")
    assert content.split() == [b"CapEff:", b"00000000a80425fb", b"Seccomp:", b"2"]
    await runtime.delete(launch.container_id)


async def test_a_further_process_ends_though_a_descendant_keeps_the_pipes(
    runtime: Runtime, make_launch: MakeLaunch
) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    assert await execute(runtime, launch, "sh", "-c", "sleep 100 & echo done") == (0, b"done\n")
    await runtime.delete(launch.container_id)


async def test_a_further_process_may_have_a_terminal(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    process = await runtime.exec(
        launch.container_id,
        ExecLaunch(
            arguments=("sh", "-c", "stty size; read x; stty size; echo $x"),
            environment=("PATH=/bin",),
            identity=Identity(0, 0, (), "/"),
            terminal=True,
            stdin=True,
            height=11,
            width=22,
        ),
    )
    with anyio.fail_after(60):
        assert await process.receive() == (1, b"11 22\r\n")
    await process.resize(33, 44)
    await process.send(b"word\n")
    assert (await read_all(process)).split() == [b"word", b"33", b"44", b"word"]
    assert await process.wait() == 0
    await process.aclose()
    await runtime.delete(launch.container_id)


@pytest.mark.parametrize(
    ("program", "fields", "exit_code", "words"),
    [
        ("no-such", {}, 127, 'exec: "no-such": executable file not found in $PATH'),
        ("/etc/readable", {}, 126, 'exec: "/etc/readable": permission denied'),
        ("/etc", {}, 126, 'exec: "/etc": is a directory: permission denied'),
        ("true", {"working_dir": "/no"}, 127, 'chdir to cwd ("/no") set in config.json failed: no such file or '),
    ],
)
async def test_a_further_process_that_cannot_run_is_told(
    runtime: Runtime, make_launch: MakeLaunch, program: str, fields: dict[str, Any], exit_code: int, words: str
) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    with pytest.raises(RuntimeFailure) as caught:
        await execute(runtime, launch, program, **fields)
    assert caught.value.exit_code == exit_code
    assert caught.value.message.startswith("OCI runtime exec failed: exec failed: unable to start container process: ")
    assert words in caught.value.message
    await runtime.delete(launch.container_id)


async def test_a_further_process_gives_all_its_output(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    code, content = await execute(runtime, launch, "dd", "if=/dev/zero", "bs=1000", "count=3000", "status=none")
    assert (code, len(content)) == (0, 3_000_000)
    process = await on_terminal(runtime, launch.container_id, "dd", "if=/dev/zero", "bs=1000", "count=300")
    assert (await read_all(process)).count(b"\0") == 300_000
    assert await process.wait() == 0
    await process.aclose()
    await runtime.delete(launch.container_id)


async def test_a_terminal_ends_though_a_descendant_was_on_it(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    process = await on_terminal(runtime, launch.container_id, "sh", "-c", "sleep 100 & exit 7")
    await read_all(process)
    assert await process.wait() == 7
    await process.aclose()
    await runtime.delete(launch.container_id)


async def test_a_further_process_ignores_no_signals(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    _, content = await execute(runtime, launch, "grep", "-E", "SigIgn|SigBlk", "/proc/self/status")
    assert [int(mask, 16) & ~_OF_THE_C_LIBRARY for mask in content.split()[1::2]] == [0, 0]
    await runtime.delete(launch.container_id)


@pytest.mark.parametrize("is_terminal", [False, True])
async def test_a_further_process_is_known_by_its_own_pid(
    runtime: Runtime, make_launch: MakeLaunch, *, is_terminal: bool
) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    process = await runtime.exec(launch.container_id, exec_launch("sleep", "100", terminal=is_terminal))
    assert process.pid in await runtime.pids(launch.container_id)
    os.kill(process.pid, signal.SIGTERM)
    assert await process.wait() == 128 + signal.SIGTERM
    await process.aclose()
    await runtime.delete(launch.container_id)


async def test_a_terminal_that_is_let_go_of_is_hung_up(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    process = await on_terminal(runtime, launch.container_id, "sleep", "100")
    await process.aclose()
    assert await process.wait() == 128 + signal.SIGHUP
    await runtime.delete(launch.container_id)


async def test_further_processes_end_with_their_container(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    process = await on_terminal(runtime, launch.container_id, "sleep", "100")
    await runtime.delete(launch.container_id)
    assert await process.wait() == 128 + signal.SIGKILL
    assert not is_alive(process.pid)
    await process.aclose()


async def test_a_further_process_whose_start_is_cancelled_leaves_no_descriptor_and_no_child(
    runtime: Runtime, make_launch: MakeLaunch
) -> None:
    launch = await started(runtime, make_launch("sleep", "100"))
    await execute(runtime, launch, "true")
    before = descriptors()
    for milliseconds in (1, 5, 10, 20, 40):
        with anyio.move_on_after(milliseconds / 1000) as scope:
            process = await runtime.exec(launch.container_id, exec_launch("true", terminal=True))
        if not scope.cancelled_caught:
            await process.wait()
            await process.aclose()
            del process
    assert descriptors() == before
    await runtime.delete(launch.container_id)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def exec_launch(*arguments: str, terminal: bool) -> ExecLaunch:
    return ExecLaunch(
        arguments=arguments,
        environment=("PATH=/bin",),
        identity=Identity(0, 0, (), "/"),
        terminal=terminal,
        stdin=terminal,
    )


async def on_terminal(runtime: Runtime, container_id: str, *arguments: str) -> ExecProcess:
    return await runtime.exec(container_id, exec_launch(*arguments, terminal=True))
