"""Replacements that were cut off, told apart by the names that they have left."""

from __future__ import annotations

from msgspec.structs import replace

from compose.plan.deciding.leftovers import tidied
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.starting import plan_start
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed, ObservedContainer
from tests.fakes.projects import make_observed, make_project, make_service

PROJECT = make_project(make_service("web"))
OLD = ObservedContainer("a" * 64, "app-web-1", "web")
HEIR = ObservedContainer("b" * 64, "aaaaaaaaaaaa_app-web-1", "web", state="created")


def of(*containers: ObservedContainer) -> Observed:
    return replace(make_observed(PROJECT), containers=containers)


def test_a_successor_is_made_again_while_its_predecessor_is_there() -> None:
    found = tidied(PROJECT, of(OLD, HEIR))
    assert (found.observed.containers, found.abortive, found.nameless) == ((OLD,), (HEIR,), ())


def test_a_successor_whose_predecessor_is_gone_only_lacks_its_name() -> None:
    found = tidied(PROJECT, of(HEIR))
    assert found.nameless == ((HEIR, "app-web-1"),)
    assert [item.name for item in found.observed.containers] == ["app-web-1"]


def test_of_two_that_lack_the_same_name_one_gets_it() -> None:
    other = replace(HEIR, id="c" * 64, name="dddddddddddd_app-web-1")
    found = tidied(PROJECT, of(HEIR, other))
    assert (found.nameless, found.abortive) == (((HEIR, "app-web-1"),), (other,))


def test_names_that_only_look_alike_are_left_alone() -> None:
    alike = [replace(HEIR, name=name) for name in ("aaaa_app-web-1", "aaaaaaaaaaaa_other", "aaaaaaaaaaaa_app-web-2")]
    for item in [*alike, replace(HEIR, is_one_off=True), replace(HEIR, service="unknown")]:
        assert tidied(PROJECT, of(item)).observed == of(item)


def test_the_name_comes_before_the_start() -> None:
    current = replace(make_observed(PROJECT).containers[0], name=HEIR.name, state="created")
    plan = reconcile(PROJECT, of(current), Options())
    assert str(plan).splitlines() == [
        f"[] #1 rename {current.id} to app-web-1 -- an earlier run was cut off",
        "[1] #2 start app-web-1 -- not running",
    ]


def test_start_leaves_a_successor_alone_that_shares_the_data_of_its_predecessor() -> None:
    plan = plan_start(PROJECT, [replace(OLD, state="exited"), HEIR], wait=False)
    assert str(plan) == "[] #1 start app-web-1 -- start"
