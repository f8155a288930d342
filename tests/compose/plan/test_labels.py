"""The labels by which docker compose knows a project's resources, and the one that is ours."""

from __future__ import annotations

from msgspec.structs import replace

from compose.plan import labels
from tests.fakes.projects import make_project, make_service

SERVICE = make_service("web", after={"db": "service_healthy"})
PROJECT = make_project(SERVICE, make_service("db"))


def test_a_container_is_labelled_as_docker_compose_does() -> None:
    assert labels.container_labels(PROJECT, SERVICE, 2, "digits", "") == {
        "com.docker.compose.project": "app",
        "com.docker.compose.service": "web",
        "com.docker.compose.version": "2.40.3",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": "digits",
        "com.docker.compose.container-number": "2",
        "com.docker.compose.depends_on": "db:service_healthy:false",
        "com.docker.compose.project.working_dir": "/app",
        "com.docker.compose.project.config_files": "/app/compose.yaml",
    }


def test_the_content_of_inline_files_has_a_label_of_ours() -> None:
    assert labels.container_labels(PROJECT, SERVICE, 1, "", "digits")["pycompose.content-hash"] == "digits"


def test_only_env_files_that_were_asked_for_are_named() -> None:
    name = "com.docker.compose.project.environment_file"
    assert name not in labels.container_labels(PROJECT, SERVICE, 1, "", "")
    given = replace(PROJECT, environment_files=("/app/a.env", "/b.env"))
    assert labels.container_labels(given, SERVICE, 1, "", "")[name] == "/app/a.env,/b.env"


def test_a_one_off_container_has_a_slug_and_no_number() -> None:
    found = labels.one_off_labels(PROJECT, SERVICE, "digits", "slug")
    assert (found["com.docker.compose.oneoff"], found["com.docker.compose.slug"]) == ("True", "slug")
    assert "com.docker.compose.container-number" not in found
