"""Real containers, from creation to removal."""

from __future__ import annotations

import anyio
import pytest

from engine.containers.streams.options import AttachOptions, LogOptions
from engine.errors import Conflict, NoSuchContainer, NoSuchImage, NotModified, RuntimeFailure
from engine.wire.containers import (
    ContainerCreateRequest,
    ExecCreateRequest,
    ExecStartRequest,
    HealthConfig,
    HostConfig,
    RestartPolicy,
)
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]

SECOND = 1_000_000_000


async def test_a_command_runs_and_its_output_and_exit_code_are_kept(engine: Engine) -> None:
    assert await engine.run("sh", "-c", "echo out; echo err >&2; exit 7") == (7, "out\nerr\n")


async def test_environment_user_and_directory_are_as_asked_for(engine: Engine) -> None:
    script = "echo $COLOUR; id -u; pwd; hostname; echo $HOME"
    _, output = await engine.run(
        "sh", "-c", script, env=["COLOUR=green"], user="65534", working_dir="/tmp", hostname="box"
    )
    assert output == "green\n65534\n/tmp\nbox\n/\n" or output.startswith("green\n65534\n/tmp\nbox\n")


async def test_the_life_of_a_container_is_told_in_events(engine: Engine) -> None:
    container = await engine.start("true", name="short", labels={"tier": "web"})
    await engine.containers.wait(container)
    await engine.containers.remove("short")
    destroy = await engine.until("destroy", container)
    assert engine.actions(container) == ["create", "start", "die", "destroy"]
    assert destroy.actor.attributes == {"image": "alpine:3.20", "name": "short", "tier": "web"}
    die = await engine.until("die", container)
    assert die.actor.attributes["exitCode"] == "0"
    with pytest.raises(NoSuchContainer):
        engine.containers.inspect("short")


async def test_a_name_belongs_to_one_container(engine: Engine) -> None:
    first = await engine.create("true", name="web")
    with pytest.raises(Conflict, match=f'"/web" is already in use by container "{first}"'):
        await engine.create("true", name="web")


async def test_a_running_container_is_not_removed_without_force(engine: Engine) -> None:
    await engine.start("sleep", "100", name="web")
    with pytest.raises(Conflict, match='cannot remove container "web": container is running'):
        await engine.containers.remove("web")
    await engine.containers.remove("web", force=True)


async def test_an_unknown_image_and_an_unknown_program_are_told(engine: Engine) -> None:
    with pytest.raises(NoSuchImage, match="No such image: nothing:1"):
        await engine.containers.create("", ContainerCreateRequest(image="nothing:1"))
    container = await engine.create("no-such-program")
    with pytest.raises(RuntimeFailure, match="no-such-program"):
        await engine.containers.start(container)
    state = engine.containers.inspect(container).state
    assert (state.status, state.exit_code) == ("created", 127)


async def test_stop_ends_with_the_stop_signal_or_kills_after_the_grace(engine: Engine) -> None:
    polite = await engine.start(
        "sh", "-c", "trap 'exit 3' USR1; echo ready; while :; do sleep 0.01; done", stop_signal="SIGUSR1"
    )
    await _said(engine, polite, b"ready")
    await engine.containers.stop(polite)
    assert engine.containers.inspect(polite).state.exit_code == 3
    deaf = await engine.start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done")
    await _said(engine, deaf, b"ready")
    await engine.containers.stop(deaf, timeout_seconds=0)
    assert engine.containers.inspect(deaf).state.exit_code == 137
    with pytest.raises(NotModified):
        await engine.containers.stop(deaf)
    await engine.until("die", deaf)
    assert engine.actions(deaf) == ["create", "start", "kill", "kill", "stop", "die"]


async def test_a_failing_container_is_restarted_as_often_as_allowed(engine: Engine) -> None:
    policy = RestartPolicy(name="on-failure", maximum_retry_count=2)
    container = await engine.create("sh", "-c", "echo try; exit 1", host=HostConfig(restart_policy=policy))
    await engine.containers.start(container)
    while engine.actions(container).count("die") < 3:
        await engine.news.wait()
    inspection = engine.containers.inspect(container)
    assert (inspection.state.status, inspection.restart_count) == ("exited", 2)
    assert await engine.output(container) == "try\ntry\ntry\n"


async def test_a_stop_ends_the_wait_for_a_restart(engine: Engine) -> None:
    container = await engine.start("false", host=HostConfig(restart_policy=RestartPolicy(name="always")))
    await engine.until("die", container)
    await engine.containers.stop(container)
    assert engine.containers.inspect(container).state.status == "exited"
    await engine.containers.start(container)
    await engine.containers.remove(container, force=True)


async def test_a_container_with_rm_goes_at_its_exit(engine: Engine) -> None:
    container = await engine.create("true", host=HostConfig(auto_remove=True), volumes={"/data": {}})
    removed = engine.containers.waiter(container, "removed")
    await engine.containers.start(container)
    assert (await removed).status_code == 0
    with pytest.raises(NoSuchContainer):
        engine.containers.inspect(container)
    await engine.until("destroy", container)
    assert engine.volumes.all() == []


async def test_a_health_check_succeeds_as_soon_as_the_service_is_ready(engine: Engine) -> None:
    check = HealthConfig(test=["CMD-SHELL", "test -e /ready"], interval=3600 * SECOND)
    container = await engine.start("sleep", "100", healthcheck=check)
    assert engine.health(container).status == "starting"
    exec_id = (await engine.containers.exec_create(container, ExecCreateRequest(cmd=["touch", "/ready"]))).id
    await engine.containers.exec_start(exec_id, ExecStartRequest(detach=True))
    with anyio.fail_after(60):
        await engine.until("health_status: healthy", container)
    assert engine.health(container).log[-1].exit_code == 0
    assert "(healthy)" in engine.containers.summaries(everything=False, limit=0, filters={})[0].status


async def test_a_failing_health_check_makes_it_unhealthy_after_its_retries(engine: Engine) -> None:
    check = HealthConfig(test=["CMD", "sh", "-c", "echo no; exit 1"], interval=SECOND // 20, retries=2)
    container = await engine.start("sleep", "100", healthcheck=check)
    await engine.until("health_status: unhealthy", container)
    health = engine.health(container)
    assert health.failing_streak >= 2
    assert health.log[-1].output == "no\n"


async def test_a_paused_container_counts_as_unhealthy_until_it_is_probed_again(engine: Engine) -> None:
    container = await engine.start(
        "sleep", "100", healthcheck=HealthConfig(test=["CMD", "true"], interval=100 * SECOND)
    )
    await engine.until("health_status: healthy", container)
    await engine.containers.pause(container)
    assert engine.health(container).status == "unhealthy"
    engine.seen.clear()
    await engine.containers.unpause(container)
    await engine.until("health_status: healthy", container)
    assert len(engine.health(container).log) == 2


async def test_what_probes_said_stays_in_sight_over_a_restart(engine: Engine) -> None:
    container = await engine.start(
        "sleep", "100", healthcheck=HealthConfig(test=["CMD", "true"], interval=100 * SECOND)
    )
    await engine.until("health_status: healthy", container)
    await engine.containers.stop(container, timeout_seconds=0)
    ended = engine.health(container)
    assert (ended.status, len(ended.log)) == ("unhealthy", 1)
    engine.seen.clear()
    await engine.containers.start(container)
    await engine.until("health_status: healthy", container)
    assert engine.health(container).log[0] == ended.log[0]
    assert len(engine.health(container).log) == 2


async def test_a_hanging_health_check_is_ended_at_its_timeout(engine: Engine) -> None:
    check = HealthConfig(test=["CMD", "sleep", "1000"], interval=SECOND // 20, timeout=SECOND // 5, retries=1)
    container = await engine.start("sleep", "100", healthcheck=check)
    await engine.until("health_status: unhealthy", container)
    health = engine.health(container)
    assert health.log[0].exit_code == -1
    assert health.log[0].output == "Health check exceeded timeout (200ms)"


async def test_exec_runs_a_process_beside_the_first(engine: Engine) -> None:
    container = await engine.start("sleep", "100", env=["COLOUR=green"])
    request = ExecCreateRequest(cmd=["sh", "-c", "echo $COLOUR $MORE; exit 4"], attach_stdout=True, env=["MORE=x"])
    exec_id = (await engine.containers.exec_create(container, request)).id
    session = await engine.containers.exec_start(exec_id, ExecStartRequest())
    assert session is not None
    assert await session.receive() == (1, b"green x\n")
    with pytest.raises(anyio.EndOfStream):
        await session.receive()
    await session.aclose()
    found = engine.containers.exec_inspect(exec_id)
    assert (found.running, found.exit_code) == (False, 4)
    await engine.until("exec_die", container)
    with pytest.raises(Conflict):
        await engine.containers.exec_start(exec_id, ExecStartRequest())


async def test_attaching_before_the_start_misses_nothing(engine: Engine) -> None:
    container = await engine.create(
        "sh", "-c", "echo first; read word; echo got $word", open_stdin=True, stdin_once=True
    )
    async with engine.containers.attach(container, AttachOptions(stdin=True)) as console:
        await engine.containers.start(container)
        assert await console.receive() == (1, b"first\n")
        await console.send(b"hello\n")
        assert await console.receive() == (1, b"got hello\n")
        with pytest.raises(anyio.EndOfStream):
            await console.receive()


async def test_logs_are_followed_to_the_end_of_the_container(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.05; done")
    batches = engine.containers.logs(container, LogOptions(follow=True))
    lines = [entry.message async for batch in batches for entry in batch]
    assert lines == [b"1\n", b"2\n", b"3\n"]


async def test_a_paused_container_can_be_stopped_and_unpaused(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    await engine.containers.pause(container)
    assert engine.containers.inspect(container).state.paused
    await engine.containers.unpause(container)
    await engine.containers.pause(container)
    await engine.containers.stop(container, timeout_seconds=0)
    assert engine.containers.inspect(container).state.status == "exited"


async def test_top_shows_the_processes(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "echo here; sleep 100 & wait")
    async for _ in engine.containers.logs(container, LogOptions(follow=True)):
        break  # before, it may still be the runtime's init
    answer = await engine.containers.top(container, "-o pid,args")
    assert answer.processes[0][1] == "sh -c echo here; sleep 100 & wait"


async def test_many_containers_run_at_once_and_each_has_its_own_exit_code(engine: Engine) -> None:
    codes: list[int] = []

    async def one(number: int) -> None:
        codes.append((await engine.run("sh", "-c", f"exit {number}"))[0])

    async with anyio.create_task_group() as tasks:
        for number in range(16):
            tasks.start_soon(one, number)
    assert sorted(codes) == list(range(16))


async def _said(engine: Engine, container: str, text: bytes) -> None:
    async for batch in engine.containers.logs(container, LogOptions(follow=True)):
        if any(text in entry.message for entry in batch):
            return
