"""Attached clients, terminals and further processes: what goes in and what comes out."""

from __future__ import annotations

import os
from typing import Any

import anyio
import pytest

from engine.errors import RuntimeFailure
from engine.runtime.oci.launch import ExecLaunch, Identity
from engine.runtime.runtime import Runtime
from engine.wire.containers import HostConfig
from tests.engine.runtime.harness import (
    MakeLaunch,
    execute,
    read_all,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.root]


async def test_input_is_passed_until_its_end_and_output_comes_back(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("cat", stdin_open=True, stdin_once=True)
    await runtime.create(launch)
    content = os.urandom(200_000)
    async with runtime.attach(launch.container_id) as console, anyio.create_task_group() as tasks:
        await runtime.start(launch.container_id)

        async def feed() -> None:
            await console.send(content)
            await console.send_eof()

        tasks.start_soon(feed)
        assert await read_all(console) == content
    assert (await runtime.wait(launch.container_id)).exit_code == 0
    await runtime.delete(launch.container_id)


async def test_a_detached_client_does_not_end_the_input_of_others(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch("cat", stdin_open=True)
    await started(runtime, launch)
    for word in (b"one\n", b"two\n"):
        async with runtime.attach(launch.container_id) as console:
            await console.send(word)
            with anyio.fail_after(60):
                assert await console.receive() == (1, word)
    await runtime.delete(launch.container_id)


async def test_an_attached_client_that_does_not_read_does_not_hold_up_the_end(
    runtime: Runtime, make_launch: MakeLaunch
) -> None:
    launch = make_launch("sh", "-c", "while true; do echo flood of output that nobody reads; done")
    await runtime.create(launch)
    async with runtime.attach(launch.container_id):
        await runtime.start(launch.container_id)
        with anyio.fail_after(60):
            await runtime.delete(launch.container_id)


async def test_a_terminal_has_the_size_it_was_given(runtime: Runtime, make_launch: MakeLaunch) -> None:
    launch = make_launch(
        "sh",
        "-c",
        # The size and the input come by different ways, in any order.
        "stty size; read x; while [ \"$(stty size)\" = '10 20' ]; do :; done; stty size; test -t 0 && echo terminal $x",
        terminal=True,
        stdin_open=True,
        host_config=HostConfig(console_size=[10, 20]),
    )
    await runtime.create(launch)
    async with runtime.attach(launch.container_id) as console:
        await runtime.start(launch.container_id)
        with anyio.fail_after(60):
            assert await console.receive() == (1, b"10 20\r\n")
        await runtime.resize(launch.container_id, 30, 40)
        await console.send(b"yes\n")
        assert (await read_all(console)).split() == [b"yes", b"30", b"40", b"terminal", b"yes"]
    await runtime.wait(launch.container_id)
    await runtime.delete(launch.container_id)


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
