"""Containers that outlive SIGKILL, as those do whose process waits in the kernel for a disk or a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from engine.containers.life import stopping
from engine.errors import Conflict, EngineError
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]

Act = Callable[[Engine], Awaitable[None]]

NO_EXIT = "tried to kill container, but did not receive an exit event"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda engine: engine.containers.kill("web"), NO_EXIT),
        (lambda engine: engine.containers.stop("web", timeout_seconds=0), f"cannot stop container: web: {NO_EXIT}"),
        (
            lambda engine: engine.containers.restart("web", timeout_seconds=0),
            f"Cannot restart container web: {NO_EXIT}",
        ),
        (
            lambda engine: engine.containers.remove("web", force=True),
            f'cannot remove container "web": could not kill container: {NO_EXIT}',
        ),
    ],
    ids=["kill", "stop", "restart", "remove"],
)
async def test_it_stays_a_running_container_until_it_ends(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, act: Act, words: str
) -> None:
    container = await engine.start("sleep", "100", name="web")

    async def ignored(container_id: str, number: int) -> None:
        assert (container_id, bool(number)) == (container, True)

    with monkeypatch.context() as stuck:
        stuck.setattr(engine.runtime, "kill", ignored)
        stuck.setattr(stopping, "_KILL_SECONDS", 0.1)
        with pytest.raises(EngineError) as refused:
            await act(engine)
        assert refused.value.message == words
        assert engine.containers.inspect("web").state.running
        with pytest.raises(Conflict, match="container is running"):
            await engine.containers.remove("web")
    await engine.containers.kill("web")
    assert engine.containers.inspect("web").state.exit_code == 137
    await engine.containers.remove("web")
