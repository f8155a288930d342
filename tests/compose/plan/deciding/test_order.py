"""What a start waits for, and what is there before anything is started or replaced."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed
from tests.fakes.plans import expect
from tests.fakes.projects import make_observed, make_project, make_service

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})


@pytest.mark.parametrize("health", ["unhealthy", "health: starting"])
def test_health_that_others_need_is_awaited_though_all_of_them_run(health: str) -> None:
    project = make_project(make_service("web", after={"db": "service_healthy"}), make_service("db"))
    observed = make_observed(project)
    unwell = [replace(item, status=f"Up 3 seconds ({health})") for item in observed.containers]
    plan = reconcile(project, replace(observed, containers=tuple(unwell)), Options())
    assert str(plan) == "[] #1 wait until db is healthy -- web depends on it"
    assert plan.unchanged == ("app-web-1", "app-db-1")


def test_health_that_nobody_waits_for_is_no_matter() -> None:
    project = make_project(make_service("web", after={"db": "service_started"}), make_service("db"))
    observed = make_observed(project)
    unwell = [replace(item, status="Up 3 seconds (unhealthy)") for item in observed.containers]
    assert not reconcile(project, replace(observed, containers=tuple(unwell)), Options())


def test_only_the_start_waits_for_health_and_completion() -> None:
    project = make_project(
        make_service("db"),
        make_service("migrate", after={"db": "service_healthy"}),
        make_service("web", after={"db": "service_healthy", "migrate": "service_completed_successfully"}),
    )
    assert str(reconcile(project, NOTHING, Options())) == expect("""
        [] #1 create network app_default -- not there yet
        [1] #2 create app-db-1 -- not there yet
        [1] #3 create app-migrate-1 -- not there yet
        [1] #4 create app-web-1 -- not there yet
        [2] #5 start app-db-1 -- new container
        [5] #6 wait until db is healthy -- migrate depends on it
        [3,6] #7 start app-migrate-1 -- new container
        [7] #8 wait until migrate is completed -- web depends on it
        [4,6,8] #9 start app-web-1 -- new container
    """)


def test_nothing_is_started_before_every_image_is_there_but_made_it_is() -> None:
    project = make_project(
        make_service("web"), make_service("slow", image="big:1"), make_service("slower", image="big:1")
    )
    assert str(reconcile(project, NOTHING, Options())) == expect("""
        [] #1 pull big:1 -- not here yet
        [] #2 create network app_default -- not there yet
        [2] #3 create app-web-1 -- not there yet
        [1,2] #4 create app-slow-1 -- not there yet
        [1,2] #5 create app-slower-1 -- not there yet
        [1,3] #6 start app-web-1 -- new container
        [1,4] #7 start app-slow-1 -- new container
        [1,5] #8 start app-slower-1 -- new container
    """)


def test_nothing_is_replaced_before_every_image_is_there() -> None:
    project = make_project(make_service("web"), make_service("new", image="big:1"))
    observed = make_observed(make_project(make_service("web")), web="stale")
    assert str(reconcile(project, observed, Options())) == expect("""
        [] #1 pull big:1 -- not here yet
        [] #2 create 000000000000_app-web-1 -- configuration changed
        [1,2] #3 stop app-web-1 -- configuration changed
        [3] #4 remove app-web-1 -- configuration changed
        [4] #5 rename 000000000000_app-web-1 to app-web-1 -- takes the place of the old one
        [1] #6 create app-new-1 -- not there yet
        [1,5] #7 start app-web-1 -- new container
        [1,6] #8 start app-new-1 -- new container
    """)


def test_a_rerun_job_is_awaited_also_for_those_who_run_already() -> None:
    project = make_project(
        make_service("migrate"), make_service("web", after={"migrate": "service_completed_successfully"})
    )
    plan = reconcile(project, make_observed(project, migrate="exited"), Options())
    assert str(plan) == expect("""
        [] #1 start app-migrate-1 -- not running
        [1] #2 wait until migrate is completed -- web depends on it
    """)


def test_waiting_covers_every_service_and_takes_jobs_for_what_they_are() -> None:
    project = make_project(
        make_service("migrate"), make_service("web", after={"migrate": "service_completed_successfully"})
    )
    plan = reconcile(project, make_observed(project), Options(is_waiting=True))
    assert str(plan) == expect("""
        [] #1 wait until migrate is completed -- --wait
        [] #2 wait until web is running -- --wait
    """)


def test_waiting_begins_when_everything_is_started_so_that_one_failure_keeps_nobody_from_starting() -> None:
    project = make_project(make_service("web", network_mode="none"), make_service("db", network_mode="none"))
    assert str(reconcile(project, NOTHING, Options(is_waiting=True))) == expect("""
        [] #1 create app-web-1 -- not there yet
        [] #2 create app-db-1 -- not there yet
        [1] #3 start app-web-1 -- new container
        [2] #4 start app-db-1 -- new container
        [3,4] #5 wait until web is running -- --wait
        [3,4] #6 wait until db is running -- --wait
    """)
