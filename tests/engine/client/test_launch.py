"""Starting the embedded engine. A small program stands in for it, so the launcher's own promises can be tested."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from engine.client import EngineClient, LaunchError
from engine.client import launch as launching
from engine.client.ensure import ensure_engine
from engine.client.home import EngineHome
from engine.client.launch import begin, serve_command

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[3]

# Serves the fake engine as the daemon would, and notes each start in its state directory.
STAND_IN = """
import os, sys, anyio
from functools import partial
from pathlib import Path
from engine.api.server import Door, serve
from engine.daemon.doors import listen_unix
from tests.fakes.services import fake_engine

state, run, ready = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
with (state / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {os.getsid(0)} {os.getcwd()} {os.environ.get('COLOUR')}\\n")
print("about to start", flush=True)
if os.environ.get("FAIL"):
    sys.exit("error: the kernel said no")

async def main():
    doors = [Door(listen_unix(run / "engine.sock"))]
    os.write(ready, b"ready\\n")
    os.close(ready)
    await serve(fake_engine().services, doors, on_activity=lambda count: None)

anyio.run(main)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineHome]:
    """An engine's home whose engine is the stand-in; what was started is ended afterwards."""
    home = EngineHome(state=tmp_path / "state", run=tmp_path / "run")

    def command(home: EngineHome, ready_descriptor: int) -> tuple[str, ...]:
        return (sys.executable, "-c", STAND_IN, str(home.state), str(home.run), str(ready_descriptor))

    monkeypatch.setattr(launching, "serve_command", command)
    yield home
    for pid, *_ in starts(home):
        end(int(pid))


def end(pid: int) -> None:
    """Kill a stand-in and reap it; nothing happens if it ended."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def starts(home: EngineHome) -> list[list[str]]:
    """What the stand-ins wrote: pid, session, working directory, COLOUR."""
    path = home.state / "starts"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


async def test_an_engine_is_started_on_its_own_and_answers(home: EngineHome) -> None:
    address = await ensure_engine(home, environment={"COLOUR": "green"})
    assert address == f"unix://{home.run}/engine.sock"
    async with EngineClient(address) as client:
        assert await client.ping()
    [[pid, session, directory, colour]] = starts(home)
    assert (session, directory, colour) == (pid, "/", "green")
    assert "about to start" in home.log.read_text()


async def test_an_engine_that_answers_is_used(home: EngineHome) -> None:
    await ensure_engine(home, environment={})
    await ensure_engine(home, environment={})
    assert len(starts(home)) == 1


async def test_concurrent_commands_start_one_engine(home: EngineHome) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(lambda: ensure_engine(home, environment={}))
    assert len(starts(home)) == 1


async def test_the_socket_of_a_dead_engine_is_no_answer(home: EngineHome) -> None:
    await ensure_engine(home, environment={})
    [[pid, *_]] = starts(home)
    end(int(pid))
    home.socket.rename(home.run / "old.sock")
    await ensure_engine(home, environment={})
    assert len(starts(home)) == 2


async def test_an_engine_that_fails_is_explained_by_its_own_last_words(home: EngineHome) -> None:
    home.state.mkdir()
    home.log.write_text("words of an earlier engine\n")
    with pytest.raises(LaunchError) as caught:
        await ensure_engine(home, environment={"FAIL": "1"})
    assert caught.value.message.splitlines() == [
        "the engine did not start",
        "  about to start",
        "  error: the kernel said no",
    ]
    assert caught.value.hint == f"the whole log is in {home.log}"


def test_an_engine_is_started_without_an_event_loop_while_something_else_is_done(home: EngineHome) -> None:
    starting = begin(home, {"COLOUR": "blue"})
    assert starting
    with starting:
        starting.wait()
    assert begin(home, {}) is None, "it answers"
    assert [line[3] for line in starts(home)] == ["blue"]


def test_an_engine_that_fails_is_explained_without_an_event_loop_as_well(home: EngineHome) -> None:
    starting = begin(home, {"FAIL": "1"})
    assert starting
    with starting, pytest.raises(LaunchError, match="the kernel said no"):
        starting.wait()


async def test_who_comes_while_an_engine_is_started_waits_for_that_one(home: EngineHome) -> None:
    starting = begin(home, {})
    assert starting

    def wait() -> None:
        with starting:
            starting.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: ensure_engine(home, environment={}))
        await anyio.to_thread.run_sync(wait)
    assert len(starts(home)) == 1


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = EngineHome(state=tmp_path / "file" / "state", run=tmp_path / "run")
    with pytest.raises(LaunchError, match=r"cannot make the engine's directory .*/file/state: Not a directory"):
        await ensure_engine(home, environment={})


def test_the_command_runs_the_same_pycompose(tmp_path: Path) -> None:
    home = EngineHome(state=tmp_path / "s", run=tmp_path / "r")
    assert serve_command(home, 7)[:5] == (sys.executable, "-m", "pycompose", "engine-daemon", "serve")
    assert launching._python_path({"PYTHONPATH": "/other"}) == f"{ROOT}:/other"


async def test_a_directory_that_cannot_be_made_is_told_with_the_variables_that_name_another(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="cannot make the engine's directory /proc/none") as caught:
        await ensure_engine(EngineHome(state=Path("/proc/none"), run=tmp_path), environment={})
    assert caught.value.hint == "PYCOMPOSE_STATE_DIR and PYCOMPOSE_RUN_DIR name other directories"
