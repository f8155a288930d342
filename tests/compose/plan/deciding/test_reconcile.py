"""The plan of `up`: what has to be done, in which order, and why."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from compose.errors import ComposeError
from compose.model.service import Build
from compose.plan.actions import RemoveContainer
from compose.plan.deciding.reconcile import plan_pulls, reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed, ObservedContainer
from compose.plan.steps import Plan
from tests.fakes.plans import expect
from tests.fakes.projects import data_volume, make_observed, make_project, make_service, observed_container

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})


def test_a_new_project_creates_everything_at_once_and_starts_what_depends_on_nothing_waited_for() -> None:
    project = make_project(
        make_service("web", after={"db": "service_started"}), make_service("db", volumes=(data_volume(),))
    )
    assert str(reconcile(project, NOTHING, Options())) == expect("""
        [] #1 create network app_default -- not there yet
        [] #2 create volume app_data -- not there yet
        [1,2] #3 create app-db-1 -- not there yet
        [1] #4 create app-web-1 -- not there yet
        [3] #5 start app-db-1 -- new container
        [4,5] #6 start app-web-1 -- new container
    """)


def test_a_project_that_is_up_as_wished_needs_nothing() -> None:
    project = make_project(make_service("web", after={"db": "service_healthy"}), make_service("db"))
    plan = reconcile(project, make_observed(project), Options())
    assert plan == Plan(unchanged=("app-web-1", "app-db-1"))


def test_a_container_that_stopped_is_started_again() -> None:
    project = make_project(make_service("web"))
    plan = reconcile(project, make_observed(project, web="exited"), Options())
    assert str(plan) == "[] #1 start app-web-1 -- not running"


def test_scaling_up_adds_numbers_and_scaling_down_removes_the_highest() -> None:
    project = make_project(make_service("web", scale=3))
    assert str(reconcile(project, make_observed(project), Options())) == expect("""
        [] #1 create app-web-2 -- not there yet
        [] #2 create app-web-3 -- not there yet
        [1] #3 start app-web-2 -- new container
        [2] #4 start app-web-3 -- new container
    """)
    one = observed_container(project, project.services["web"], 1)
    two = replace(one, id="2" * 64, name="app-web-2", number=2)
    both = replace(make_observed(project), containers=(one, two))
    assert str(reconcile(project, both, Options(scale={"web": 1}))) == expect("""
        [] #1 stop app-web-2 -- scaled down
        [1] #2 remove app-web-2 -- scaled down
    """)


def test_a_fixed_container_name_cannot_be_scaled() -> None:
    project = make_project(make_service("web", container_name="only"))
    with pytest.raises(ComposeError, match="container_name is fixed"):
        reconcile(project, NOTHING, Options(scale={"web": 2}))


def test_creating_only_starts_nothing() -> None:
    project = make_project(make_service("web", network_mode="none"))
    assert str(reconcile(project, NOTHING, Options(is_starting=False))) == "[] #1 create app-web-1 -- not there yet"


def test_orphans_are_named_in_a_warning_and_removed_only_on_request() -> None:
    project = make_project(make_service("web"))
    orphan = ObservedContainer("f" * 64, "app-old-1", "old")
    observed = replace(make_observed(project), containers=(*make_observed(project).containers, orphan))
    kept = reconcile(project, observed, Options())
    assert not kept
    assert "app-old-1" in kept.warnings[0]
    removed = reconcile(project, observed, Options(remove_orphans=True))
    assert [step.action.container for step in removed.steps if isinstance(step.action, RemoveContainer)] == [
        "app-old-1"
    ]


def test_disabled_services_are_no_orphans() -> None:
    debug = make_service("debug", profiles=("debug",))
    project = replace(make_project(make_service("web")), disabled={"debug": debug})
    observed = make_observed(project)
    observed = replace(observed, containers=(*observed.containers, ObservedContainer("f" * 64, "app-debug-1", "debug")))
    assert reconcile(project, observed, Options()).warnings == ()


def test_an_image_to_be_built_is_an_error_with_a_way_out() -> None:
    project = make_project(make_service("web", image="", build=Build(context="/app")))
    with pytest.raises(ComposeError, match="image `app-web` of service `web` is not here, and may not be built"):
        reconcile(project, NOTHING, Options())


def test_a_missing_image_that_may_not_be_pulled_is_an_error() -> None:
    project = make_project(make_service("web", pull_policy="never", image="big:1"))
    with pytest.raises(ComposeError, match="may not be pulled"):
        reconcile(project, NOTHING, Options())


def test_an_image_that_may_change_existing_containers_is_pulled_before_planning() -> None:
    project = make_project(make_service("web"), make_service("new", image="big:1"))
    observed = make_observed(project, new="none")
    assert str(plan_pulls(project, observed, Options(pull="always"))) == "[] #1 pull tiny:1 -- asked to"
    assert not plan_pulls(project, observed, Options())
    after = reconcile(project, observed, Options(pull="always", pulled=frozenset({"tiny:1"})))
    assert "pull tiny:1" not in str(after)
    assert "pull big:1" in str(after)


def test_equal_input_gives_an_equal_plan() -> None:
    project = make_project(*(make_service(f"s{number}") for number in range(20)))
    assert str(reconcile(project, NOTHING, Options())) == str(reconcile(project, NOTHING, Options()))
