"""The plan of `restart`."""

from __future__ import annotations

from compose.model.service import Dependency
from compose.plan.deciding.restarting import dependants_to_restart, plan_restart
from tests.fakes.projects import make_observed, make_project, make_service

PROJECT = make_project(
    make_service("db"),
    make_service("api", depends_on={"db": Dependency("service_healthy", restart=True)}),
    make_service("web", depends_on={"api": Dependency("service_started", restart=True)}),
    make_service("shy", depends_on={"db": Dependency("service_started")}),
)
CONTAINERS = make_observed(PROJECT).containers


def test_who_is_restarted_with_another_brings_those_along_that_are_restarted_with_it() -> None:
    assert dependants_to_restart(PROJECT, ["db"]) == ("api", "web")
    assert dependants_to_restart(PROJECT, ["web"]) == ()


def test_a_dependant_is_restarted_once_what_it_needs_is_as_awaited_and_others_at_once() -> None:
    assert str(plan_restart(PROJECT, CONTAINERS)).splitlines() == [
        "[] #1 restart app-db-1 -- restart",
        "[1] #2 wait until db is healthy -- api depends on it",
        "[2] #3 restart app-api-1 -- restart",
        "[3] #4 restart app-web-1 -- restart",
        "[] #5 restart app-shy-1 -- restart",
    ]


def test_without_files_the_labels_order_them() -> None:
    plan = plan_restart(make_project(), CONTAINERS)
    assert [step.after for step in plan.steps] == [(), (1,), (2,), (1,)]
