"""What the caches of a service's build become in a request."""

from __future__ import annotations

import json

import pytest

from compose.apply.building.caches import cache_images, cache_parameters
from compose.errors import ComposeError
from compose.model.project import Project
from compose.model.service import Build, Service
from tests.fakes.projects import make_project, make_service


def made(*, cache_from: tuple[str, ...] = (), cache_to: tuple[str, ...] = ()) -> tuple[Project, Service]:
    service = make_service("web", build=Build(cache_from=cache_from, cache_to=cache_to))
    return make_project(service), service


def test_docker_is_told_the_images_and_our_engine_everything() -> None:
    found = cache_parameters(
        *made(
            cache_from=("a/b", "type=registry,ref=c", "type=local,src=cache"), cache_to=("type=local,dest=/x,mode=max",)
        )
    )
    assert {name: json.loads(text) for name, text in found.items()} == {
        "cachefrom": ["a/b", "c"],
        "pycompose-cache-from": ["a/b", "type=registry,ref=c", "type=local,src=/app/cache"],
        "pycompose-cache-to": ["type=local,dest=/x,mode=max"],
    }


def test_nothing_asked_for_is_nothing_said() -> None:
    assert set(cache_parameters(*made()).values()) == {""}


def test_commas_in_quotes_stay_parts_of_a_value() -> None:
    found = cache_parameters(*made(cache_to=('type=local,"dest=/a,b"',)))
    assert json.loads(found["pycompose-cache-to"]) == ['type=local,"dest=/a,b"']


def test_what_cannot_be_read_is_an_error_of_the_service() -> None:
    with pytest.raises(ComposeError) as failed:
        cache_parameters(*made(cache_to=('type=local,"dest=/a"b',)))
    assert failed.value.subject == ("services", "web", "build")


def test_the_images_that_caches_are_in() -> None:
    _, service = made(cache_from=("a", "type=local,src=x"), cache_to=("type=registry,ref=b", "type=inline"))
    assert cache_images(service) == ["a", "b"]
