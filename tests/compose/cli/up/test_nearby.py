"""When an `up` knows what to do without asking for more."""

from __future__ import annotations

import pytest

from compose.cli.up.nearby import foreseen_nearby
from compose.cli.up.options import UpRequest
from compose.model.project import Project
from compose.model.service import Build
from tests.fakes.projects import make_observed, make_project, make_service


def has_nothing_to_do(project: Project, request: UpRequest) -> bool:
    found = foreseen_nearby(project, make_observed(project), request)
    return found is not None and not found.main


def test_what_runs_as_it_is_wished_is_left_alone() -> None:
    project = make_project(make_service("web"))
    assert has_nothing_to_do(project, UpRequest(detach=True))


@pytest.mark.parametrize("request_", [UpRequest(force_recreate=True), UpRequest(pull="always"), UpRequest(wait=True)])
def test_what_was_asked_for_is_not_skipped(request_: UpRequest) -> None:
    project = make_project(make_service("web"))
    assert not has_nothing_to_do(project, request_)


def test_an_image_that_is_always_pulled_is_looked_for_also_where_it_can_be_built() -> None:
    project = make_project(make_service("web", build=Build("."), pull_policy="always"))
    assert not has_nothing_to_do(project, UpRequest(detach=True))
    assert has_nothing_to_do(project, UpRequest(detach=True, pull="missing"))
