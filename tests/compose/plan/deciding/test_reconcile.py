"""The plan of `up`: what has to be done, in which order, and why."""

from __future__ import annotations

from textwrap import dedent

import pytest
from msgspec.structs import replace

from compose.errors import ComposeError
from compose.model.project import Network, Volume
from compose.model.service import Build, Dependency, Mount, ServiceNetwork
from compose.plan.actions import CreateContainer, RemoveContainer
from compose.plan.deciding.reconcile import plan_pulls, reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed, ObservedContainer, ObservedMount
from compose.plan.steps import Plan
from tests.fakes.projects import data_volume, make_observed, make_project, make_service, observed_container

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})


def expect(text: str) -> str:
    return dedent(text).strip()


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


def test_a_container_that_stopped_is_started_again() -> None:
    project = make_project(make_service("web"))
    plan = reconcile(project, make_observed(project, web="exited"), Options())
    assert str(plan) == "[] #1 start app-web-1 -- not running"


def test_a_rerun_job_is_awaited_also_for_those_who_run_already() -> None:
    project = make_project(
        make_service("migrate"), make_service("web", after={"migrate": "service_completed_successfully"})
    )
    plan = reconcile(project, make_observed(project, migrate="exited"), Options())
    assert str(plan) == expect("""
        [] #1 start app-migrate-1 -- not running
        [1] #2 wait until migrate is completed -- web depends on it
    """)


def test_a_changed_network_is_made_anew_after_all_its_users_have_left_it_and_before_they_are_removed() -> None:
    project = make_project(make_service("web"))
    internal = {"default": Network("default", "app_default", internal=True)}
    before = make_project(make_service("web"), networks=internal)
    assert str(reconcile(project, make_observed(before), Options())) == expect("""
        [] #1 stop app-web-1 -- network default changed
        [1] #2 disconnect app-web-1 from network app_default -- network default changed
        [2] #3 remove network app_default -- configuration changed
        [3] #4 create network app_default -- configuration changed
        [4] #5 create 000000000000_app-web-1 -- network default changed
        [1,5] #6 remove app-web-1 -- network default changed
        [6] #7 rename 000000000000_app-web-1 to app-web-1 -- takes the place of the old one
        [7] #8 start app-web-1 -- new container
    """)


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


@pytest.mark.parametrize(("policy", "replaced"), [("always", True), ("never", False), ("changed", False)])
def test_recreation_can_be_forced_and_forbidden(policy: str, replaced: bool) -> None:
    project = make_project(make_service("web"))
    options = Options(recreate="always" if policy == "always" else "never" if policy == "never" else "changed")
    assert bool(reconcile(project, make_observed(project), options)) is replaced
    stale = reconcile(project, make_observed(project, web="stale"), options)
    assert bool(stale) is (policy != "never")


def test_forced_recreation_leaves_dependencies_alone() -> None:
    project = make_project(make_service("web", after={"db": "service_started"}), make_service("db"))
    options = Options(recreate="always", targets=frozenset({"web"}))
    assert reconcile(project, make_observed(project), options).unchanged == ("app-db-1",)


def test_a_missing_external_network_or_volume_is_an_error_with_a_way_out() -> None:
    service = make_service("web", networks={"outer": ServiceNetwork()}, volumes=(data_volume(),))
    networks = {"outer": Network("outer", "corporate", external=True)}
    with pytest.raises(ComposeError, match="corporate declared as external") as caught:
        reconcile(make_project(service, networks=networks), NOTHING, Options())
    assert "docker network create corporate" in str(caught.value.hint)
    volumes = {"data": Volume("data", "precious", external=True)}
    with pytest.raises(ComposeError, match="external volume precious not found"):
        reconcile(make_project(make_service("web", volumes=(data_volume(),)), volumes=volumes), NOTHING, Options())


def test_a_changed_volume_is_kept_with_a_warning() -> None:
    service = make_service("db", volumes=(data_volume(),))
    project = make_project(service)
    before = make_project(service, volumes={"data": Volume("data", "app_data", driver_opts={"type": "nfs"})})
    plan = reconcile(project, make_observed(before), Options())
    assert not plan
    assert "app_data exists with another configuration" in plan.warnings[0]


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


def test_a_changed_network_that_others_stay_on_is_refused_before_anything_is_done() -> None:
    wanted = make_project(make_service("web"))
    internal = {"default": Network("default", "app_default", internal=True)}
    observed = make_observed(make_project(make_service("web"), make_service("old"), networks=internal))
    with pytest.raises(ComposeError, match=r"made anew, but app-old-1 would stay on it"):
        reconcile(wanted, observed, Options())
    assert str(reconcile(wanted, observed, Options(remove_orphans=True))).startswith(
        expect("""
        [] #1 stop app-old-1 -- its service is no longer defined
        [1] #2 remove app-old-1 -- its service is no longer defined
        [] #3 stop app-web-1 -- network default changed
        [3] #4 disconnect app-web-1 from network app_default -- network default changed
        [1,4] #5 remove network app_default -- configuration changed
    """)
    )
