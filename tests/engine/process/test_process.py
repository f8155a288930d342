"""Child processes end with their caller."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from engine.errors import Unavailable
from engine.process import find_tool, run, wait_any, wait_pidfd

pytestmark = pytest.mark.anyio


async def test_a_program_gets_its_input_and_its_output_and_code_come_back() -> None:
    script = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('err'); sys.exit(3)"
    done = await run([sys.executable, "-c", script], stdin=b"abc")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"ABC", b"err")


async def test_input_larger_than_a_pipe_is_passed_whole() -> None:
    content = b"x" * 1_000_000
    assert (await run(["cat"], stdin=content)).stdout == content


async def test_a_program_that_ignores_its_input_is_no_error() -> None:
    assert (await run(["true"], stdin=b"x" * 1_000_000)).returncode == 0


async def test_the_environment_and_the_directory_are_the_given_ones(tmp_path: Path) -> None:
    done = await run(["/bin/sh", "-c", "echo $GREETING; pwd"], env={"GREETING": "hello"}, cwd=tmp_path)
    assert done.stdout.decode().split() == ["hello", str(tmp_path)]


async def test_a_signal_is_a_negative_code() -> None:
    assert (await run(["/bin/sh", "-c", "kill -9 $$"])).returncode == -9


async def test_a_cancelled_program_is_ended_and_reaped(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    os.mkfifo(note)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, ["/bin/sh", "-c", f"echo $$ > {note}; exec sleep 1000"])
        pid = int(await anyio.to_thread.run_sync(note.read_text))
        os.kill(pid, 0)
        tasks.cancel_scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_end_of_a_process_that_is_no_child_is_noticed() -> None:
    # The shell ends at once, so that the sleeping process has another parent.
    done = await run(["/bin/sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"])
    pidfd = os.pidfd_open(int(done.stdout))
    try:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait_pidfd, pidfd)
                tasks.start_soon(wait_pidfd, pidfd)
                await anyio.wait_all_tasks_blocked()
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)


async def test_waiting_for_several_descriptors_ends_with_the_first() -> None:
    (quiet, quiet_end), (busy, busy_end) = os.pipe(), os.pipe()
    try:
        os.write(busy_end, b"x")
        with anyio.fail_after(60):
            await wait_any(quiet, busy)
    finally:
        for descriptor in (quiet, quiet_end, busy, busy_end):
            os.close(descriptor)


async def test_a_missing_tool_is_named_with_what_to_install() -> None:
    with pytest.raises(Unavailable, match="no-such-tool was not found") as caught:
        find_tool("no-such-tool")
    assert caught.value.hint == "apt-get install no-such-tool"
