"""After a plan was carried out there is nothing left to do, whatever there was before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import anyio
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from compose.apply.execute import execute
from compose.apply.looking.observe import observe
from compose.apply.stage import Stage
from compose.model.project import FileObject, Network, Project, Volume
from compose.model.service import Dependency, FileMount, Mount, Service
from compose.plan.deciding.building import BuildOptions
from compose.plan.deciding.foresight import imagine
from compose.plan.deciding.survey import Options, Recreate
from compose.plan.deciding.teardown import DownOptions, plan_down
from compose.plan.labels import BECAUSE
from compose.plan.telling.summary import Entry, has_changes, summary
from tests.fakes.driving import make_engine, up
from tests.fakes.engine import FakeEngine
from tests.fakes.projects import data_volume, make_project, make_service

NAMES = ("api", "cache", "db", "web")


@dataclass(frozen=True, slots=True)
class World:
    """A project and what it meets: `moved` images have another id, `inactive` services belong to other profiles."""

    services: tuple[Service, ...]
    inactive: tuple[Service, ...] = ()
    internal: bool = False
    volume_driver: str = ""
    content: str = ""
    moved: bool = False

    @property
    def project(self) -> Project:
        """The project of it."""
        volumes = {mount.source for service in self.services for mount in service.volumes if mount.source}
        return make_project(
            *self.services,
            networks={"default": Network("default", "app_default", internal=self.internal)},
            volumes={key: Volume(key, f"app_{key}", driver=self.volume_driver) for key in sorted(volumes)},
            configs={"told": FileObject("told", "app_told", content=self.content)},
            disabled={service.name: service for service in self.inactive},
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Some services; each may depend on those with smaller names, or share namespaces with one that has a container."""
    chosen = sorted(draw(st.sets(st.sampled_from(NAMES))))
    services = [_service(draw, name, chosen[:position]) for position, name in enumerate(chosen)]
    lenders = {service.pid.removeprefix("service:") for service in services}
    services = [structs.replace(item, scale=max(item.scale, int(item.name in lenders))) for item in services]
    inactive = draw(st.sets(st.sampled_from(chosen))) if chosen else set[str]()
    needed = {other for service in services for other in service.depends_on}
    return World(
        tuple(item for item in services if item.name not in inactive - needed),
        tuple(item for item in services if item.name in inactive - needed),
        internal=draw(st.booleans()),
        volume_driver=draw(st.sampled_from(["", "other"])),
        content=draw(st.sampled_from(["", "more"])),
        moved=draw(st.booleans()),
    )


def _service(draw: st.DrawFn, name: str, earlier: list[str]) -> Service:
    lender = draw(st.sampled_from(["", *earlier]))
    shared: dict[str, Any] = {"pid": f"service:{lender}"} if lender and draw(st.booleans()) else {}
    depends_on = {
        other: Dependency("service_started", restart=draw(st.booleans()))
        for other in earlier
        if other == lender or draw(st.booleans())
    }
    fixed = draw(st.booleans())
    return make_service(
        name,
        image=draw(st.sampled_from(["tiny:1", "big:1"])),
        environment={"LOG": draw(st.sampled_from(["info", "debug"]))},
        scale=1 if fixed else draw(st.integers(0, 2)),
        container_name=f"fixed-{name}" if fixed else "",
        volumes=draw(st.sampled_from([(), (ANONYMOUS,), (data_volume(),), (data_volume("other"), ANONYMOUS)])),
        configs=draw(st.sampled_from([(), (FileMount("told"),)])),
        depends_on=depends_on,
        **shared,
    )


ANONYMOUS = Mount("volume", "/anonymous")
OPTIONS = Options(remove_orphans=True)


async def planned(engine: FakeEngine, project: Project, options: Options = OPTIONS) -> tuple[Entry, ...]:
    observed = await observe(engine.client, project.name)
    return summary(imagine(project, observed, options, BuildOptions()).plans, observed)


async def meet(engine: FakeEngine, world: World) -> Project:
    engine.images = {name: f"sha256:{name}{'-moved' if world.moved else ''}" for name in ("tiny:1", "big:1")}
    return world.project


async def carried_out(before: World, after: World, options: Options) -> tuple[Entry, ...]:
    """What is left to do when a project was brought up and then another form of it."""
    engine = make_engine()
    await up(engine, await meet(engine, before), OPTIONS)
    project = await meet(engine, after)
    engine.calls.clear()
    foretold = await planned(engine, project, options)
    assert engine.calls == [], "planning changes nothing"
    await up(engine, project, options)
    assert bool(engine.calls) == has_changes(foretold), "what is foretold is what is done"
    replaced = [entry for entry in foretold if entry.verb == "recreate" and entry.kind == "container"]
    for entry in replaced:
        told = engine.named(entry.name).request.labels[BECAUSE]
        assert told.startswith(entry.because), "what was foretold is what `explain` tells"
    return await planned(engine, project)


@settings(max_examples=60)
@given(worlds(), worlds(), st.sampled_from(["changed", "always"]))
def test_planning_again_finds_nothing_to_do(before: World, after: World, recreate: Recreate) -> None:
    assume(before.internal == after.internal or not after.inactive)  # they would stay on the network
    options = Options(remove_orphans=True, recreate=recreate, recreate_dependencies=recreate)
    left = anyio.run(carried_out, before, after, options)
    assert not has_changes(left), [entry for entry in left if entry.verb != "keep"]


async def brought_down(before: World, after: World) -> FakeEngine:
    engine = make_engine()
    await up(engine, await meet(engine, before), OPTIONS)
    # With another network, containers that stay on it would be in the way.
    project = await meet(engine, replace(after, internal=before.internal))
    await up(engine, project, Options())
    observed = await observe(engine.client, "app")
    everything = DownOptions(volumes=True, remove_orphans=True)
    plan = plan_down("app", None, observed, everything)
    await execute(
        plan,
        Stage(engine.client, project, observed),
        lambda update: None,
        keep_going=True,
    )
    return engine


@settings(max_examples=40)
@given(worlds(), worlds())
def test_a_down_without_files_leaves_nothing_of_whatever_was_brought_up(before: World, after: World) -> None:
    engine = anyio.run(brought_down, before, after)
    assert (engine.containers, engine.networks, engine.volumes) == ({}, {}, {})


@pytest.mark.anyio
async def test_the_change_that_was_made_is_written_on_the_new_container() -> None:
    engine = make_engine()
    await up(engine, make_project(make_service("web", environment={"LOG": "info"})))
    await up(engine, make_project(make_service("web", environment={"LOG": "debug"})))
    assert engine.named("app-web-1").request.labels["pycompose.because"] == "configuration changed, environment.LOG"


@pytest.mark.anyio
async def test_a_reason_that_names_what_has_changed_is_written_alone() -> None:
    engine = make_engine()
    project = make_project(make_service("web"))
    await up(engine, project)
    engine.images = {"tiny:1": "sha256:moved"}
    await up(engine, project)
    assert engine.named("app-web-1").request.labels["pycompose.because"] == "image changed"
