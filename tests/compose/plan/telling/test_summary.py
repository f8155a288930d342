"""Plans as people read them."""

from __future__ import annotations

from msgspec.structs import replace

from compose.model.project import Project
from compose.model.service import Build, Dependency
from compose.plan import labels
from compose.plan.changes import packed
from compose.plan.deciding.building import BuildOptions
from compose.plan.deciding.foresight import imagine
from compose.plan.deciding.survey import Options
from compose.plan.hashing import service_document
from compose.plan.observed import Observed
from compose.plan.telling.summary import has_changes, summary
from tests.fakes.projects import data_volume, make_observed, make_project, make_service, observed_container

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})


def told(project: Project, observed: Observed, options: Options | None = None) -> list[str]:
    foresight = imagine(project, observed, options or Options(), BuildOptions())
    return [
        f"{entry.verb} {entry.kind} {entry.name}" + (f" ({entry.because})" if entry.because else "")
        for entry in summary(foresight.plans, observed)
    ]


def test_a_new_project_is_created() -> None:
    project = make_project(make_service("db", volumes=(data_volume(),)), make_service("web"))
    assert told(project, NOTHING) == [
        "create network app_default (not there yet)",
        "create volume app_data (not there yet)",
        "create container app-db-1 (not there yet)",
        "create container app-web-1 (not there yet)",
    ]


def test_what_is_as_wished_is_kept() -> None:
    project = make_project(make_service("web"))
    observed = make_observed(project)
    assert told(project, observed) == ["keep container app-web-1"]
    assert not has_changes(summary(imagine(project, observed, Options(), BuildOptions()).plans, observed))


def test_dependants_that_want_it_are_restarted_and_the_others_kept() -> None:
    db = make_service("db")
    wants = make_service("api", depends_on={"db": Dependency("service_started", restart=True)})
    project = make_project(db, wants, make_service("web", after={"db": "service_started"}))
    assert told(project, make_observed(project, db="stale")) == [
        "restart container app-api-1 (db is replaced)",
        "recreate container app-db-1 (configuration changed)",
        "keep container app-web-1",
    ]


def test_what_is_too_much_or_no_longer_defined_is_removed() -> None:
    project = make_project(make_service("web"), make_service("idle", scale=0))
    before = make_project(make_service("web"), make_service("idle"), make_service("old"))
    assert told(project, make_observed(before), Options(remove_orphans=True)) == [
        "remove container app-idle-1 (scaled down)",
        "remove container app-old-1 (its service is no longer defined)",
        "keep container app-web-1",
    ]


def test_an_image_that_has_to_be_built_is_expected() -> None:
    project = make_project(make_service("web", image="", build=Build("/src")))
    assert told(project, NOTHING)[:2] == [
        "build image app-web (not here yet)",
        "create network app_default (not there yet)",
    ]


def test_changes_are_told_field_by_field() -> None:
    before = make_project(make_service("web", environment={"LOG": "info"}))
    after = make_project(make_service("web", environment={"LOG": "debug"}))
    document = service_document(before, before.services["web"])
    item = observed_container(before, before.services["web"], 1)
    stale = replace(item, labels={**item.labels, labels.CONFIG: packed(document)})
    observed = replace(make_observed(before), containers=(stale,))
    [entry] = summary(imagine(after, observed, Options(), BuildOptions()).plans, observed)
    assert [(change.name, change.before, change.after) for change in entry.changes] == [
        ("environment.LOG", "info", "debug")
    ]


def test_a_new_image_is_told_by_its_digests() -> None:
    project = make_project(make_service("web"))
    observed = replace(make_observed(project), images={"tiny:1": "id-newer"})
    [entry] = summary(imagine(project, observed, Options(), BuildOptions()).plans, observed)
    assert entry.because == "image changed"
    assert [(change.before, change.after) for change in entry.changes] == [("id-tiny:1", "id-newer")]


def test_a_stopped_container_is_removed_under_its_services_name() -> None:
    before = make_project(make_service("web"), make_service("old"))
    observed = make_observed(before, old="exited")
    foresight = imagine(make_project(make_service("web")), observed, Options(remove_orphans=True), BuildOptions())
    removed = [entry for entry in summary(foresight.plans, observed) if entry.verb == "remove"]
    assert [(entry.name, entry.service) for entry in removed] == [("app-old-1", "old")]
