"""When images are fetched."""

from __future__ import annotations

from typing import Any

import pytest

from compose.errors import ComposeError
from compose.model.service import Build, Mount
from compose.plan.deciding.building import BuildOptions, plan_builds
from compose.plan.deciding.pulling import (
    plan_asked_pulls,
    plan_attempts,
    pull_reason,
    refresh_seconds,
    refreshed_images,
)
from compose.plan.deciding.reconcile import plan_pulls, reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed
from tests.fakes.projects import make_project, make_service

HERE = Observed(images={"tiny:1": "sha256:1", "tiny:latest": "sha256:1"})
OLD = Observed(images=HERE.images, due=frozenset({"tiny:1"}))


@pytest.mark.parametrize(
    ("policy", "seconds"),
    [
        ("daily", 86_400), ("weekly", 604_800), ("every_12h", 43_200), ("every_1d12h", 129_600),
        ("every_2w", 1_209_600), ("every_90s", 90), ("every_0s", 0),
        ("every_", None), ("every_h", None), ("every_5", None), ("every_1h ", None),
        ("always", None), ("missing", None), ("refresh", None), ("", None),
    ],
)  # fmt: skip
def test_some_policies_say_how_old_an_image_may_get(policy: str, seconds: float | None) -> None:
    assert refresh_seconds(policy) == seconds


def test_the_strictest_policy_of_an_image_counts_and_what_is_in_no_registry_does_not() -> None:
    project = make_project(
        make_service("a", image="x", pull_policy="weekly"),
        make_service("b", image="x", pull_policy="daily"),
        make_service("c", image="y"),
        make_service("d", image="z", pull_policy="daily", build=Build(context="/z")),
        make_service("e", image="", pull_policy="daily", build=Build(context="/z")),
    )
    assert refreshed_images(project) == {"x": 86_400, "z": 86_400}


@pytest.mark.parametrize(
    ("policy", "asked", "observed", "reason"),
    [
        ("", "", Observed(), "not here yet"),
        ("", "", OLD, ""),
        ("missing", "", OLD, ""),
        ("refresh", "", OLD, ""),
        ("never", "", OLD, ""),
        ("always", "", HERE, "asked to"),
        ("daily", "", HERE, ""),
        ("daily", "", OLD, "older than a day"),
        ("weekly", "", OLD, "older than a week"),
        ("every_12h", "", OLD, "older than 12h"),
        ("every_12h", "", Observed(), "not here yet"),
        ("every_12h", "policy", OLD, "older than 12h"),
        ("every_12h", "missing", OLD, ""),
        ("every_12h", "never", OLD, ""),
        ("never", "always", OLD, "asked to"),
    ],
)
def test_a_policy_decides_whether_a_service_waits_for_a_pull(
    policy: str, asked: str, observed: Observed, reason: str
) -> None:
    service = make_service("web", image="tiny:1", pull_policy=policy)
    assert pull_reason(make_project(service), service, observed, asked) == reason


@pytest.mark.parametrize("asked", ["", "never"])
def test_what_is_missing_and_may_not_be_pulled_is_an_error(asked: str) -> None:
    service = make_service("web", image="big:1", pull_policy="never")
    with pytest.raises(ComposeError, match="may not be pulled"):
        pull_reason(make_project(service), service, HERE, asked)


def test_an_image_that_a_service_mounts_is_pulled_before_its_container_is_made() -> None:
    mount = Mount(type="image", source="files:2", target="/files")
    project = make_project(make_service("web", image="tiny:1", volumes=(mount,)))
    plan = str(reconcile(project, HERE, Options()))
    assert "pull files:2 -- mounted by web" in plan
    assert "pull" not in str(reconcile(project, Observed(images={**HERE.images, "files:2": "x"}), Options()))
    assert not plan_pulls(project, HERE, Options())


PROJECT = make_project(
    make_service("built", image="", build=Build(context="/app")),
    make_service("both", image="both:1", build=Build(context="/app")),
    make_service("web", image="tiny:1"),
    make_service("too", image="tiny:1"),
    make_service("moves", image="tiny", pull_policy="missing"),
    make_service("stays", image="tiny:1", pull_policy="missing"),
    make_service("gone", image="gone:1", pull_policy="missing"),
    make_service("never", image="never:1", pull_policy="never"),
    make_service("daily", image="tiny:daily", pull_policy="daily"),
)


def lines(**options: str | bool) -> list[str]:
    pulls = plan_asked_pulls(PROJECT, HERE, **options)  # type: ignore[arg-type]  # as the command line gives them
    told = [f"{skip.resource}: {skip.because}" for skip in pulls.skipped]
    return [step.action.image for step in pulls.plan.steps] + told  # type: ignore[union-attr]  # pulls alone


def test_a_pull_fetches_what_the_services_policies_let_it() -> None:
    assert lines() == [
        "both:1", "tiny:1", "tiny", "gone:1", "tiny:daily",
        "Service built: No image to be pulled",
        "Image tiny:1: Image is already being pulled by web",
        "Image tiny:1: Image is already present locally",
        "Image never:1: Its pull policy is never",
    ]  # fmt: skip


def test_a_policy_of_the_command_line_wins() -> None:
    assert lines(policy="always")[:6] == ["both:1", "tiny:1", "tiny", "gone:1", "never:1", "tiny:daily"]
    assert lines(policy="missing")[:5] == ["both:1", "tiny", "gone:1", "never:1", "tiny:daily"]


def test_what_can_be_built_is_left_out_on_request() -> None:
    assert "Image both:1: Image can be built" in lines(ignores_buildable=True)


@pytest.mark.parametrize(
    ("attributes", "policy", "is_here", "expected"),
    [
        ({}, "", False, "not here yet, and perhaps in a registry"),
        ({}, "", True, ""),
        ({"pull_policy": "always"}, "", True, "asked to"),
        ({"pull_policy": "never"}, "", False, ""),
        ({"pull_policy": "build"}, "", False, ""),
        ({}, "build", False, ""),
        ({"pull_policy": "build"}, "always", True, "asked to"),
        ({"image": ""}, "", False, ""),
        ({"build": None}, "", False, ""),
    ],
)
def test_what_can_be_built_is_looked_for_in_a_registry_first(
    attributes: dict[str, Any], policy: str, is_here: bool, expected: str
) -> None:
    project = make_project(make_service("web", **{"build": Build(context="."), **attributes}))
    plan = plan_attempts(project, Observed(images={"tiny:1": "sha256:tiny"} if is_here else {}), policy=policy)
    assert [step.action.because for step in plan.steps] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("policy", "asked", "observed", "expected"),
    [
        ("daily", "", OLD, ["older than a day"]),
        ("every_12h", "policy", OLD, ["older than 12h"]),
        ("daily", "", HERE, []),
        ("daily", "", Observed(), ["not here yet, and perhaps in a registry"]),
        ("daily", "build", OLD, []),
        ("daily", "missing", OLD, []),
    ],
)
def test_what_can_be_built_and_has_become_old_is_looked_for_in_a_registry(
    policy: str, asked: str, observed: Observed, expected: list[str]
) -> None:
    project = make_project(make_service("web", image="tiny:1", pull_policy=policy, build=Build(context=".")))
    plan = plan_attempts(project, observed, policy=asked)
    assert [step.action.because for step in plan.steps] == expected
    # What a registry does not have any more is neither built again nor missing.
    if observed.images:
        assert not plan_builds(project, observed, BuildOptions())
        assert not plan_pulls(project, observed, Options())


def test_an_image_of_two_services_is_looked_for_once() -> None:
    build = Build(context=".")
    project = make_project(make_service("web", build=build), make_service("job", build=build))
    assert len(plan_attempts(project, Observed()).steps) == 1
