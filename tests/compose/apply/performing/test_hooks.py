"""Commands that services have run around starts and stops."""

from __future__ import annotations

import pytest

from compose.errors import ServiceFailed
from compose.model.tooling import Hook
from tests.fakes.driving import down, make_engine, up
from tests.fakes.projects import make_project, make_service

pytestmark = pytest.mark.anyio


async def test_hooks_run_after_the_start_and_before_the_stop() -> None:
    engine = make_engine()
    project = make_project(make_service("web", post_start=(Hook(("warm", "up")),), pre_stop=(Hook(("drain",)),)))
    await up(engine, project)
    assert engine.calls[-2:] == ["start app-web-1", "exec in app-web-1: warm up"]
    await down(engine, project)
    assert engine.calls.index("exec in app-web-1: drain") < engine.calls.index("stop app-web-1")


async def test_a_hook_that_fails_ends_up_with_its_output() -> None:
    engine = make_engine()
    engine.exit_codes["warm"] = 3
    with pytest.raises(ServiceFailed, match="`warm` in container app-web-1 exited with code 3\n  said warm"):
        await up(engine, make_project(make_service("web", post_start=(Hook(("warm",)),))))
