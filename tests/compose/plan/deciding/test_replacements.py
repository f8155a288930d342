"""Which containers are replaced, and what follows them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from compose.model.service import Dependency, Mount
from compose.plan.actions import CreateContainer
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import ObservedMount
from tests.fakes.plans import expect
from tests.fakes.projects import make_observed, make_project, make_service, observed_container


def test_a_changed_service_is_replaced_and_its_neighbours_are_left_alone() -> None:
    project = make_project(make_service("web", after={"db": "service_healthy"}), make_service("db"))
    plan = reconcile(project, make_observed(project, web="stale"), Options())
    assert str(plan) == expect("""
        [] #1 create 000000000000_app-web-1 -- configuration changed
        [1] #2 stop app-web-1 -- configuration changed
        [2] #3 remove app-web-1 -- configuration changed
        [3] #4 rename 000000000000_app-web-1 to app-web-1 -- takes the place of the old one
        [] #5 wait until db is healthy -- web depends on it
        [4,5] #6 start app-web-1 -- new container
    """)
    assert plan.unchanged == ("app-db-1",)


def test_a_new_image_replaces_its_containers() -> None:
    project = make_project(make_service("web"))
    newer = replace(make_observed(project), images={"tiny:1": "id-newer"})
    assert "create 000000000000_app-web-1 -- image changed" in str(reconcile(project, newer, Options()))


def test_a_replacement_takes_over_the_anonymous_volumes_and_only_those() -> None:
    named, anonymous = "shared", "ab" * 32
    service = make_service("db", volumes=(Mount("volume", "/data", "data"), Mount("volume", "/cache")))
    project = make_project(service)
    old = replace(
        observed_container(project, service, 7, "stale"),
        mounts=(
            ObservedMount("volume", "/data", "app_data"),
            ObservedMount("volume", "/cache", anonymous),
            ObservedMount("volume", "/other", named),
        ),
    )
    plan = reconcile(project, replace(make_observed(project), containers=(old,)), Options())
    created = next(step.action for step in plan.steps if isinstance(step.action, CreateContainer))
    assert created.inherited == (ObservedMount("volume", "/cache", anonymous),)
    renewed = reconcile(
        project, replace(make_observed(project), containers=(old,)), Options(renew_anonymous_volumes=True)
    )
    assert not next(step.action for step in renewed.steps if isinstance(step.action, CreateContainer)).inherited


def test_what_shares_a_namespace_follows_the_container_it_shares_with() -> None:
    project = make_project(
        make_service("web"),
        make_service("sidecar", network_mode="service:web", after={"web": "service_started"}),
    )
    plan = reconcile(project, make_observed(project, web="stale"), Options())
    assert str(plan) == expect("""
        [] #1 create 000000000000_app-web-1 -- configuration changed
        [1] #2 stop app-web-1 -- configuration changed
        [2] #3 remove app-web-1 -- configuration changed
        [3] #4 rename 000000000000_app-web-1 to app-web-1 -- takes the place of the old one
        [4] #5 create 000000000000_app-sidecar-1 -- web is replaced
        [5] #6 stop app-sidecar-1 -- web is replaced
        [6] #7 remove app-sidecar-1 -- web is replaced
        [7] #8 rename 000000000000_app-sidecar-1 to app-sidecar-1 -- takes the place of the old one
        [4] #9 start app-web-1 -- new container
        [8,9] #10 start app-sidecar-1 -- new container
    """)


def test_who_wants_to_be_restarted_with_a_dependency_is() -> None:
    project = make_project(make_service("db"), make_service("web", depends_on={"db": Dependency(restart=True)}))
    assert str(reconcile(project, make_observed(project, db="stale"), Options())) == expect("""
        [] #1 create 000000000000_app-db-1 -- configuration changed
        [] #2 stop app-web-1 -- db is replaced
        [1,2] #3 stop app-db-1 -- configuration changed
        [3] #4 remove app-db-1 -- configuration changed
        [4] #5 rename 000000000000_app-db-1 to app-db-1 -- takes the place of the old one
        [5] #6 start app-db-1 -- new container
        [2,6] #7 start app-web-1 -- not running
    """)


@pytest.mark.parametrize(("policy", "replaced"), [("always", True), ("never", False), ("changed", False)])
def test_recreation_can_be_forced_and_forbidden(policy: str, replaced: bool) -> None:
    project = make_project(make_service("web"))
    options = Options(recreate="always" if policy == "always" else "never" if policy == "never" else "changed")
    assert bool(reconcile(project, make_observed(project), options)) is replaced
    stale = reconcile(project, make_observed(project, web="stale"), options)
    assert bool(stale) is (policy != "never")


def test_what_changed_is_told_also_where_recreation_was_asked_for() -> None:
    project = make_project(make_service("web"), make_service("db"))
    plan = str(reconcile(project, make_observed(project, web="stale"), Options(recreate="always")))
    assert "create 000000000000_app-web-1 -- configuration changed" in plan
    assert "create 000000000000_app-db-1 -- asked to" in plan


def test_forced_recreation_leaves_dependencies_alone() -> None:
    project = make_project(make_service("web", after={"db": "service_started"}), make_service("db"))
    options = Options(recreate="always", targets=frozenset({"web"}))
    assert reconcile(project, make_observed(project), options).unchanged == ("app-db-1",)
