"""What `up` and `run` are going to do, before any of it is done."""

from __future__ import annotations

from compose.model.project import Project
from compose.model.service import Build, Port, Service
from compose.plan.actions import CreateContainer
from compose.plan.deciding.building import BuildOptions
from compose.plan.deciding.foresight import AFTER_BUILDS, Foresight, fetched, fetching, imagine, with_one_off
from compose.plan.deciding.preflight import PublishedPort, Surroundings, conflicts, wished_ports
from compose.plan.deciding.survey import Options
from compose.plan.images import image_of
from compose.plan.observed import Observed
from tests.fakes.projects import make_project, make_service

HERE = Observed(images={"tiny:1": "sha256:1"})


def run_of(project: Project, service: Service, observed: Observed = HERE, policy: str = "") -> Foresight:
    """What `run` of a service would do, in a project with what it depends on."""
    options = Options(untouched=frozenset({service.name}))
    create = CreateContainer(service, 1, "app-x-run-1", "app-x-run-1", image_of(project, service), "run", slug="1")
    found = imagine(project, observed, options, BuildOptions())
    return with_one_off(found, project, observed, create, policy)


def test_a_run_pulls_makes_and_starts_its_container_after_what_it_depends_on() -> None:
    job = make_service("job", image="big:1", after={"db": "service_started"})
    found = run_of(make_project(job, make_service("db")), job)
    assert str(found.main).splitlines()[-3:] == [
        "[] #4 pull big:1 -- not here yet",
        "[4] #5 create app-x-run-1 -- run",
        "[5] #6 start app-x-run-1 -- run",
    ]


def test_an_image_that_a_dependency_has_as_well_is_pulled_once() -> None:
    job = make_service("job", image="big:1")
    found = run_of(make_project(job, make_service("db", image="big:1")), job)
    assert fetched(found.main) == ["big:1"]


def test_what_is_built_for_a_run_is_not_missing() -> None:
    job = make_service("job", image="", build=Build(context="/job"))
    found = run_of(make_project(job), job)
    assert (len(found.builds.steps), fetched(found.main), found.problems) == (1, [], ())


def test_all_images_that_a_run_may_not_pull_are_told() -> None:
    job = make_service("job", image="big:1", pull_policy="never")
    found = run_of(make_project(job, make_service("db", image="huge:1", pull_policy="never")), job)
    assert [problem.subject[1] for problem in found.problems] == ["db", "job"]


def test_the_ports_of_a_one_off_container_are_its_own() -> None:
    web = make_service("web", ports=(Port(80, "8080"),))
    project = make_project(web)
    bare = run_of(project, make_service("web"))
    assert wished_ports(project, bare.main, ()) == []
    published = [PublishedPort("other", 8080, container_id="0")]
    (conflict,) = conflicts(project, run_of(project, web).main, Surroundings(published))
    assert conflict.message == "port 8080/tcp of container app-x-run-1 is published by container other"
    assert conflict.subject == (), "the port may come from the command line"


def test_the_name_of_a_one_off_container_is_in_no_file() -> None:
    web = make_service("web")
    found = run_of(make_project(web), web)
    (conflict,) = conflicts(make_project(web), found.main, Surroundings(names={"app-x-run-1": "0"}))
    assert (conflict.message, conflict.subject) == ("the name app-x-run-1 is that of another container", ())


def test_the_pulls_of_several_plans_go_together_each_image_once() -> None:
    project = make_project(make_service("a", image="a:1"), make_service("b", image="b:1"))
    plan = imagine(project, HERE, Options(), BuildOptions()).main
    assert fetched(fetching(plan, plan)) == ["a:1", "b:1"]
    assert all(not step.after for step in fetching(plan).steps)


def test_a_registry_is_tried_before_a_build_unless_it_is_asked_for_or_done() -> None:
    project = make_project(make_service("web", image="shop/web", build=Build("/src")))
    found = imagine(project, HERE, Options(), BuildOptions())
    assert fetched(found.tries) == ["shop/web"]
    assert [found.builds, found.has_images] == [
        imagine(project, HERE, Options(), BuildOptions(attempt="build")).builds,
        False,
    ]
    built = Observed(images={"shop/web": "sha256:2"})
    assert imagine(project, built, Options(), AFTER_BUILDS).has_images
