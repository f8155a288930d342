"""The plans of `down`, `stop`, `kill`, `rm` and `start`."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from compose.model.project import Network, Volume
from compose.model.tooling import Provider
from compose.plan.actions import RemoveContainer
from compose.plan.deciding.ordering import in_dependency_order
from compose.plan.deciding.starting import plan_start
from compose.plan.deciding.teardown import (
    DownOptions,
    plan_down,
    plan_kill,
    plan_remove,
    plan_stop,
)
from compose.plan.observed import Observed, ObservedContainer, ObservedMount, ObservedVolume
from tests.fakes.plans import expect
from tests.fakes.projects import data_volume, make_observed, make_project, make_service

PROJECT = make_project(
    make_service("web", after={"db": "service_healthy"}),
    make_service("db", volumes=(data_volume(),)),
    make_service("cache"),
)
ANONYMOUS = "a" * 64


def test_down_stops_dependants_first_and_everything_else_at_once() -> None:
    assert str(plan_down("app", PROJECT, make_observed(PROJECT), DownOptions())) == expect("""
        [] #1 stop app-cache-1 -- down
        [] #2 stop app-web-1 -- down
        [2] #3 stop app-db-1 -- down
        [1] #4 remove app-cache-1 -- down
        [3] #5 remove app-db-1 -- down
        [2] #6 remove app-web-1 -- down
        [1,2,3] #7 remove network app_default -- down
    """)


def test_down_without_the_files_does_the_same_by_labels() -> None:
    observed = make_observed(PROJECT)
    assert plan_down("app", None, observed, DownOptions()) == plan_down("app", PROJECT, observed, DownOptions())


def test_down_removes_volumes_only_on_request_and_after_their_users() -> None:
    plan = str(plan_down("app", PROJECT, make_observed(PROJECT), DownOptions(volumes=True)))
    assert "[5] #8 remove volume app_data -- down --volumes" in plan


def test_down_leaves_what_belongs_to_others() -> None:
    external = replace(PROJECT, networks={"default": Network("default", "app_default", external=True)})
    foreign = replace(make_observed(PROJECT), volumes={"x": ObservedVolume("x", "other", "x")})
    plan = str(plan_down("app", external, foreign, DownOptions(volumes=True)))
    assert "network" not in plan
    assert "volume" not in plan


def test_down_keeps_orphans_with_a_warning_unless_asked() -> None:
    orphan = ObservedContainer("f" * 64, "app-old-1", "old", state="exited")
    observed = replace(make_observed(PROJECT), containers=(orphan,))
    kept = plan_down("app", PROJECT, observed, DownOptions())
    assert "app-old-1" in kept.warnings[0]
    assert "remove app-old-1" not in str(kept)
    assert "remove app-old-1" in str(plan_down("app", PROJECT, observed, DownOptions(remove_orphans=True)))


def test_down_with_orphans_removes_what_run_has_left_of_an_inactive_profile() -> None:
    project = replace(PROJECT, services={"web": PROJECT.services["web"]}, disabled={"cache": PROJECT.services["cache"]})
    seen = make_observed(PROJECT)
    cache = next(item for item in seen.containers if item.service == "cache")
    left = replace(cache, id="left", name="app-cache-run-1", is_one_off=True, state="created")
    observed = replace(seen, containers=(cache, left))
    assert "remove" not in str(plan_down("app", project, observed, DownOptions())).replace("remove network", "")
    plan = str(plan_down("app", project, observed, DownOptions(remove_orphans=True)))
    assert "remove app-cache-run-1" in plan
    assert "remove app-cache-1" not in plan


def test_down_of_services_leaves_the_network() -> None:
    plan = plan_down("app", PROJECT, make_observed(PROJECT), DownOptions(services=frozenset({"web"})))
    assert str(plan) == "[] #1 stop app-web-1 -- down\n[1] #2 remove app-web-1 -- down"


def test_down_can_remove_the_images_of_the_project() -> None:
    plan = str(plan_down("app", PROJECT, make_observed(PROJECT), DownOptions(images="all")))
    assert "[4,5,6] #8 remove image tiny:1 -- down --rmi all" in plan
    assert "image" not in str(plan_down("app", PROJECT, make_observed(PROJECT), DownOptions(images="local")))


def test_a_project_that_is_not_there_needs_nothing() -> None:
    assert not plan_down("app", PROJECT, Observed(), DownOptions(volumes=True))


def test_stop_touches_only_what_runs() -> None:
    plan = plan_stop(make_observed(PROJECT, cache="exited").containers, 3)
    assert str(plan) == "[] #1 stop app-web-1 -- stop\n[1] #2 stop app-db-1 -- stop"


def test_kill_reaches_all_at_once() -> None:
    assert all(not step.after for step in plan_kill(make_observed(PROJECT).containers, "SIGHUP").steps)


@pytest.mark.parametrize(("wanted", "gone"), [(True, (ANONYMOUS,)), (False, ())])
def test_anonymous_volumes_go_with_the_others_and_those_that_a_file_names_stay(
    wanted: bool, gone: tuple[str, ...]
) -> None:
    named = "b" * 64
    project = make_project(make_service("web"), volumes={"data": Volume("data", named, external=True)})
    mounts = tuple(ObservedMount("volume", f"/{name[0]}", name) for name in (ANONYMOUS, named, "app_cache"))
    observed = make_observed(project)
    mounting = replace(observed, containers=tuple(replace(item, mounts=mounts) for item in observed.containers))
    plan = plan_down("app", project, mounting, DownOptions(volumes=wanted))
    (removal,) = [step.action for step in plan.steps if isinstance(step.action, RemoveContainer)]
    assert (removal.keep_volumes, removal.volumes) == (not wanted, gone)


def test_rm_removes_what_is_stopped_and_with_stop_all() -> None:
    containers = make_observed(PROJECT, cache="exited").containers
    assert str(plan_remove(containers, stop=False, volumes=False)) == "[] #1 remove app-cache-1 -- rm"
    assert str(plan_remove(containers, stop=True, volumes=False)) == expect("""
        [] #1 stop app-web-1 -- rm --stop
        [1] #2 stop app-db-1 -- rm --stop
        [] #3 remove app-cache-1 -- rm
        [2] #4 remove app-db-1 -- rm
        [1] #5 remove app-web-1 -- rm
    """)


def test_start_follows_the_conditions() -> None:
    containers = make_observed(PROJECT, web="exited", db="exited").containers
    assert str(plan_start(PROJECT, containers, wait=False)) == expect("""
        [] #1 start app-db-1 -- start
        [1] #2 wait until db is healthy -- web depends on it
        [2] #3 start app-web-1 -- start
    """)


def test_a_cycle_in_labels_is_cut_not_followed_for_ever() -> None:
    cycle = {"a": ["b"], "b": ["a"]}
    assert sorted(in_dependency_order(cycle, lambda name: cycle[name])) == ["a", "b"]


def test_what_programs_provide_goes_after_its_dependants_and_before_what_it_depends_on() -> None:
    provider = Provider("cloud")
    project = make_project(
        make_service("web", after={"tunnel": "service_started"}),
        make_service("tunnel", image="", provider=provider, after={"idle": "service_started"}),
        make_service("idle", after={"cloud": "service_started"}),
        make_service("cloud", image="", provider=provider, after={"db": "service_started"}),
        make_service("db"),
        make_service("other"),
    )
    found = make_observed(project, idle="none", tunnel="none", cloud="none")
    # `idle` has no container, and hands on what it waits for.
    assert str(plan_down("app", project, found, DownOptions())) == expect("""
        [] #1 stop app-web-1 -- down
        [1] #2 remove app-web-1 -- down
        [2] #3 provider down tunnel -- down
        [3] #4 provider down cloud -- down
        [4] #5 stop app-db-1 -- down
        [5] #6 remove app-db-1 -- down
        [] #7 stop app-other-1 -- down
        [7] #8 remove app-other-1 -- down
        [1,3,4,5,7] #9 remove network app_default -- down
    """)


def test_of_some_services_only_their_own_programs_are_asked() -> None:
    project = make_project(
        make_service("a", image="", provider=Provider("x")), make_service("b", image="", provider=Provider("x"))
    )
    plan = plan_down("app", project, Observed(()), DownOptions(services=frozenset({"b"})))
    assert str(plan) == "[] #1 provider down b -- down"
