"""What makes a container out of date, and what does not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from compose.model.project import FileObject, Network
from compose.model.service import Build, Dependency, Deploy, FileMount, Port
from compose.plan.hashing import network_hash, service_hash
from compose.plan.images import familiar
from tests.fakes.projects import make_project, make_service

SERVICE = make_service("web")
PROJECT = make_project(SERVICE)


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "other:2"},
        {"environment": {"A": "1"}},
        {"environment": {"A": None}},
        {"command": ()},
        {"ports": (Port(80),)},
        {"deploy": Deploy(labels={"a": "b"})},
    ],
)
def test_a_changed_attribute_changes_the_hash(changes: dict[str, object]) -> None:
    assert service_hash(PROJECT, replace(SERVICE, **changes)) != service_hash(PROJECT, SERVICE)


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": 3},
        {"depends_on": {"db": Dependency()}},
        {"profiles": ("debug",)},
        {"pull_policy": "always"},
        {"build": Build(context="/app")},
    ],
)
def test_what_needs_no_new_container_does_not(changes: dict[str, object]) -> None:
    assert service_hash(PROJECT, replace(SERVICE, **changes)) == service_hash(PROJECT, SERVICE)


def test_the_number_of_replicas_does_not_count_but_the_rest_of_deploy_does() -> None:
    one, two = (replace(SERVICE, deploy=Deploy(mode="replicated", replicas=number)) for number in (1, 2))
    assert service_hash(PROJECT, one) == service_hash(PROJECT, two)


def test_the_hash_is_stable_over_the_order_of_mappings() -> None:
    one = replace(SERVICE, environment={"A": "1", "B": "2"})
    two = replace(SERVICE, environment={"B": "2", "A": "1"})
    assert service_hash(PROJECT, one) == service_hash(PROJECT, two)


def test_the_content_of_an_inline_config_counts_and_that_of_a_file_does_not() -> None:
    service = replace(SERVICE, configs=(FileMount("c"),))

    def with_config(content: str | None = None, file: str = "") -> str:
        config = FileObject("c", "app_c", content=content, file=file)
        return service_hash(make_project(service, configs={"c": config}), service)

    assert with_config(content="one") != with_config(content="two")
    assert with_config(file="/a") == with_config(file="/b")


def test_a_network_is_known_by_all_its_attributes() -> None:
    assert network_hash(Network("a", "a")) != network_hash(Network("a", "a", internal=True))


@pytest.mark.parametrize(
    ("reference", "short"),
    [
        ("redis", "redis:latest"),
        ("docker.io/library/redis:7", "redis:7"),
        ("library/redis:7", "redis:7"),
        ("me/app", "me/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1"),
        ("redis:7@sha256:abc", "redis@sha256:abc"),
    ],
)
def test_references_have_one_short_form(reference: str, short: str) -> None:
    assert familiar(reference) == short
