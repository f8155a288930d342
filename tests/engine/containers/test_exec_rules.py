"""Which execs there are and what may be done to them, as in Docker; on a real container."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from engine.errors import BadRequest, Conflict, NoSuchExec
from engine.wire.containers import ExecCreateRequest, ExecStartRequest
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root]


async def prepare(engine: Engine, container: str, *words: str, **fields: object) -> str:
    request = ExecCreateRequest(cmd=list(words), **fields)  # type: ignore[arg-type] # as a client would
    return (await engine.containers.exec_create(container, request)).id


async def test_an_unknown_user_is_refused_when_the_exec_is_made(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    with pytest.raises(BadRequest, match="unable to find user nobody-knows: no matching entries in passwd file"):
        await prepare(engine, container, "id", user="nobody-knows")


async def test_an_exec_is_started_once(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    exec_id = await prepare(engine, container, "sleep", "100")
    await engine.containers.exec_start(exec_id, ExecStartRequest(detach=True))
    with pytest.raises(Conflict, match=f"exec command {exec_id} is already running"):
        await engine.containers.exec_start(exec_id, ExecStartRequest(detach=True))
    await engine.containers.kill(container)
    await engine.until("exec_die", container)
    with pytest.raises(Conflict, match=f"exec command {exec_id} has already run"):
        await engine.containers.exec_start(exec_id, ExecStartRequest(detach=True))
    assert engine.containers.exec_inspect(exec_id).exit_code == 137


async def test_the_container_shows_execs_until_they_end_and_never_started_ones_go_with_the_run(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    waiting = await prepare(engine, container, "true")
    running = await prepare(engine, container, "sleep", "100")
    await engine.containers.exec_start(running, ExecStartRequest(detach=True))
    assert engine.containers.inspect(container).exec_ids == [waiting, running]
    await engine.containers.kill(container)
    await engine.until("die", container)
    await engine.until("exec_die", container)
    assert engine.containers.inspect(container).exec_ids is None
    for ask in (engine.containers.exec_inspect, engine.containers.exec_check):
        with pytest.raises(NoSuchExec):
            ask(waiting)


async def test_what_cannot_be_run_was_started_and_did_not_die(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    for words, fields, code in (
        (["nope"], {}, 127),
        (["/etc"], {}, 126),
        (["id"], {"working_dir": "here"}, 128),
        (["id"], {"env": ["=x"]}, 128),
    ):
        exec_id = await prepare(engine, container, *words, **fields)
        with pytest.raises(Exception, match="OCI runtime exec failed: exec failed: "):
            await engine.containers.exec_start(exec_id, ExecStartRequest())
        assert engine.containers.exec_inspect(exec_id).exit_code == code
    await engine.containers.kill(container)
    await engine.until("die", container)
    actions = [event.action.partition(":")[0] for event in engine.seen if event.actor.id == container]
    assert actions.count("exec_start") == 4
    assert "exec_die" not in actions


async def test_fifty_execs_run_at_once(engine: Engine) -> None:
    container = await engine.start("sleep", "100")

    async def run(number: int) -> None:
        exec_id = await prepare(engine, container, "sh", "-c", f"exit {number}", attach_stdout=True)
        session = await engine.containers.exec_start(exec_id, ExecStartRequest())
        assert session is not None
        codes[number] = await session.wait()
        await session.aclose()

    codes: dict[int, int] = {}
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(run, number)
    assert codes == {number: number for number in range(50)}


async def test_a_size_may_be_told_before_the_exec_is_started(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    exec_id = await prepare(engine, container, "sleep", "100", tty=True)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.containers.exec_resize, exec_id, 12, 34)
            await anyio.lowlevel.checkpoint()
            await engine.containers.exec_start(exec_id, ExecStartRequest(detach=True, tty=True))
    await engine.containers.kill(container)
    await engine.until("exec_die", container)
