"""When an `up` is over before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from compose.cli.session import Session
from compose.cli.up.options import UpRequest
from compose.cli.up.unchanged import is_up
from compose.model.service import Build
from tests.fakes.projects import make_observed, make_project, make_service

SESSION = Session(environment={}, cwd=Path("/"), progress="plain")


def test_what_runs_as_it_is_wished_is_told_and_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(make_service("web"))
    assert is_up(SESSION, project, UpRequest(detach=True), make_observed(project))
    assert capsys.readouterr().err == " Container app-web-1  Running\n"


@pytest.mark.parametrize("request_", [UpRequest(force_recreate=True), UpRequest(pull="always"), UpRequest(wait=True)])
def test_what_was_asked_for_is_not_skipped(request_: UpRequest) -> None:
    project = make_project(make_service("web"))
    assert not is_up(SESSION, project, request_, make_observed(project))


def test_an_image_that_is_always_pulled_is_looked_for_also_where_it_can_be_built() -> None:
    project = make_project(make_service("web", build=Build("."), pull_policy="always"))
    assert not is_up(SESSION, project, UpRequest(detach=True), make_observed(project))
    assert is_up(SESSION, project, UpRequest(detach=True, pull="missing"), make_observed(project))
