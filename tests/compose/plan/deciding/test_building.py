"""Which images are built before anything else."""

from __future__ import annotations

import pytest

from compose.errors import ComposeError
from compose.model.service import Build, Service
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.observed import Observed
from tests.fakes.plans import expect
from tests.fakes.projects import make_project, make_service

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})
BUILT = Observed(images={"app-web:latest": "id-web", "app-base:latest": "id-base"})


def built(name: str, *bases: str, pull_policy: str = "") -> Service:
    contexts = {base: f"service:{base}" for base in bases}
    return make_service(
        name, image="", build=Build(context="/app", additional_contexts=contexts), pull_policy=pull_policy
    )


def test_an_image_that_is_missing_is_built() -> None:
    project = make_project(built("web"), make_service("db"))
    assert str(plan_builds(project, NOTHING, BuildOptions())) == "[] #1 build app-web -- not here yet"


def test_an_image_that_is_there_is_built_only_when_asked_to() -> None:
    project = make_project(built("web"))
    assert not plan_builds(project, BUILT, BuildOptions())
    assert str(plan_builds(project, BUILT, BuildOptions(always=True))) == "[] #1 build app-web -- asked to"
    project = make_project(built("web", pull_policy="build"))
    assert str(plan_builds(project, BUILT, BuildOptions())) == "[] #1 build app-web -- its pull policy"


def test_nothing_is_built_when_that_is_forbidden() -> None:
    assert not plan_builds(make_project(built("web")), NOTHING, BuildOptions(never=True))


def test_only_the_services_that_are_named_are_built() -> None:
    project = make_project(built("web"), built("api"))
    assert str(plan_builds(project, NOTHING, BuildOptions(always=True), {"api"})) == "[] #1 build app-api -- asked to"


def test_a_service_that_another_builds_on_comes_first() -> None:
    project = make_project(built("web", "base"), built("base"))
    assert str(plan_builds(project, NOTHING, BuildOptions())) == expect("""
        [] #1 build app-base -- not here yet
        [1] #2 build app-web -- not here yet
    """)


def test_a_base_that_was_not_named_is_built_if_it_is_missing() -> None:
    project = make_project(built("web", "base"), built("base"))
    assert str(plan_builds(project, NOTHING, BuildOptions(always=True), {"web"})) == expect("""
        [] #1 build app-base -- service web builds on it
        [1] #2 build app-web -- asked to
    """)
    assert str(plan_builds(project, BUILT, BuildOptions(always=True), {"web"})) == "[] #1 build app-web -- asked to"


def test_builds_that_wait_for_each_other_are_an_error() -> None:
    project = make_project(built("a", "b"), built("b", "a"))
    with pytest.raises(ComposeError, match="builds wait for each other: a -> b -> a"):
        plan_builds(project, NOTHING, BuildOptions())
