"""After a plan was carried out there is nothing left to do, whatever there was before."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.apply.observe import observe
from compose.model.project import Project
from compose.model.service import Dependency, Service
from compose.plan.building import BuildOptions
from compose.plan.foresight import foresee
from compose.plan.summary import Entry, has_changes, summary
from compose.plan.survey import Options
from tests.fakes.driving import make_engine, up
from tests.fakes.engine import FakeEngine
from tests.fakes.projects import data_volume, make_project, make_service

NAMES = ("api", "cache", "db", "web")


@st.composite
def services(draw: st.DrawFn) -> tuple[Service, ...]:
    """Some services; each may depend on those with smaller names."""
    chosen = sorted(draw(st.sets(st.sampled_from(NAMES))))
    return tuple(
        make_service(
            name,
            image=draw(st.sampled_from(["tiny:1", "big:1"])),
            environment={"LOG": draw(st.sampled_from(["info", "debug"]))},
            scale=draw(st.integers(0, 2)),
            volumes=draw(st.sampled_from([(), (data_volume(),), (data_volume("other"),)])),
            depends_on={
                other: Dependency("service_started", restart=draw(st.booleans()))
                for other in chosen[:position]
                if draw(st.booleans())
            },
        )
        for position, name in enumerate(chosen)
    )


OPTIONS = Options(remove_orphans=True)


async def planned(engine: FakeEngine, project: Project) -> tuple[Entry, ...]:
    observed = await observe(engine.client, project.name)
    return summary(foresee(project, observed, OPTIONS, BuildOptions()).plans, observed)


async def carried_out(before: tuple[Service, ...], after: tuple[Service, ...]) -> tuple[Entry, ...]:
    """What is left to do when a project was brought up and then another form of it."""
    engine = make_engine()
    await up(engine, make_project(*before), OPTIONS)
    project = make_project(*after)
    foretold = await planned(engine, project)
    engine.calls.clear()
    await planned(engine, project)
    assert engine.calls == [], "planning changes nothing"
    await up(engine, project, OPTIONS)
    assert bool(engine.calls) == has_changes(foretold), "what is foretold is what is done"
    return await planned(engine, project)


@given(services(), services())
def test_planning_again_finds_nothing_to_do(before: tuple[Service, ...], after: tuple[Service, ...]) -> None:
    left = anyio.run(carried_out, before, after)
    assert not has_changes(left), [entry for entry in left if entry.verb != "keep"]


@pytest.mark.anyio
async def test_the_change_that_was_made_is_written_on_the_new_container() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web", environment={"LOG": "info"})))
    await up(engine, make_project(make_service("web", environment={"LOG": "debug"})))
    assert engine.named("app-web-1").request.labels["pycompose.because"] == "configuration changed, environment.LOG"
