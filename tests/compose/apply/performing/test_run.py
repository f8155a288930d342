"""Which containers are meant while names change."""

from __future__ import annotations

from compose.apply.performing.run import Identities
from compose.plan.actions import CreateContainer
from compose.plan.observed import Observed, ObservedContainer
from tests.fakes.projects import make_service

OLD = ObservedContainer("old", "app-web-2", "web", 2)


def made(name: str, final_name: str = "", replaces: str = "", slug: str = "") -> CreateContainer:
    return CreateContainer(make_service("web"), 1, name, final_name or name, "", "", replaces=replaces, slug=slug)


def test_a_replacement_answers_to_both_of_its_names_and_stands_for_its_service() -> None:
    found = Identities(Observed((OLD,)))
    found.made(made("old_app-web-2", "app-web-2", replaces="old"), "new")
    assert [found.of("old_app-web-2"), found.of("app-web-2"), found.of("an id")] == ["new", "new", "an id"]
    assert found.stand_ins() == {"web": "new"}


def test_the_first_by_name_stands_for_a_service_and_no_one_off_container_does() -> None:
    found = Identities(Observed((OLD,)))
    found.made(made("app-web-3"), "third")
    found.made(made("a", slug="0123"), "one-off")
    assert found.stand_ins() == {"web": "old"}
    found.made(made("app-web-1"), "first")
    assert found.stand_ins() == {"web": "first"}


def test_a_renamed_container_is_found_by_its_new_name() -> None:
    found = Identities(Observed((OLD,)))
    found.renamed("old", "app-web-1")
    assert found.of("app-web-1") == "old"
