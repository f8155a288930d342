"""Which fixed addresses cannot be had, before anything is done."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from compose.model.project import Network, Project
from compose.model.service import Condition, Service, ServiceNetwork
from compose.plan.deciding.addressing import Place, taken_twice
from compose.plan.deciding.preflight import Conflict
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed
from tests.fakes.projects import make_observed, make_project, make_service

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})
ADDRESS = "10.9.0.5"


def found(project: Project, *standing: Place, observed: Observed = NOTHING, **options: Any) -> list[Conflict]:
    return taken_twice(project, reconcile(project, observed, Options(**options)), standing)


def fixed(
    name: str,
    address: str = ADDRESS,
    *,
    network: str = "default",
    after: dict[str, Condition] | None = None,
    scale: int = 1,
) -> Service:
    place = ServiceNetwork(ipv6_address=address) if ":" in address else ServiceNetwork(ipv4_address=address)
    return make_service(name, networks={network: place}, after=after, scale=scale)


def test_two_services_cannot_have_one_address() -> None:
    [conflict] = found(make_project(fixed("a"), fixed("b")))
    assert conflict.message == (
        "address 10.9.0.5 of container app-b-1 in network app_default is also wanted by container app-a-1"
    )
    assert conflict.subject == ("services", "b", "networks", "default", "ipv4_address")


def test_two_spellings_of_an_address_are_one() -> None:
    [conflict] = found(make_project(fixed("a", "fd00::5"), fixed("b", "fd00:0::0005")))
    assert conflict.subject == ("services", "b", "networks", "default", "ipv6_address")


def test_all_but_the_first_container_of_a_service_with_a_fixed_address_are_told() -> None:
    conflicts = found(make_project(fixed("web", scale=3)))
    assert ["also wanted by container app-web-1" in conflict.message for conflict in conflicts] == [True, True]
    assert "one container only" in conflicts[0].hint


def test_in_different_networks_an_address_is_had_twice() -> None:
    assert found(make_project(fixed("a", network="front"), fixed("b", network="back"))) == []


def test_a_network_is_the_same_under_two_keys() -> None:
    networks = {key: Network(key, "shared", external=True) for key in ("front", "back")}
    project = make_project(fixed("a", network="front"), fixed("b", network="back"), networks=networks)
    assert len(found(project, observed=replace(make_observed(project), containers=()))) == 1


@pytest.mark.parametrize("address", ["", "nonsense"])
def test_what_is_no_address_is_not_ours_to_refuse(address: str) -> None:
    assert found(make_project(fixed("a", address), fixed("b", address))) == []


def test_link_local_addresses_may_be_had_twice() -> None:
    local = {"default": ServiceNetwork(link_local_ips=("169.254.8.8",))}
    assert found(make_project(make_service("a", networks=local), make_service("b", networks=local))) == []


def test_who_begins_when_the_other_has_ended_can_have_its_address() -> None:
    job, middle = fixed("job"), make_service("middle", after={"job": "service_completed_successfully"})
    assert found(make_project(job, middle, fixed("web", after={"middle": "service_started"}))) == []
    assert len(found(make_project(job, fixed("web", after={"job": "service_started"})))) == 1


def test_the_address_of_a_container_that_is_there_is_taken_unless_that_one_goes() -> None:
    project = make_project(fixed("web"))
    other = Place("other", "app_default", ADDRESS, "other-id")
    assert found(project, other) == [], "the network is made anew, so nobody is on it"
    there = replace(make_observed(project), containers=())
    [conflict] = found(project, other, observed=there)
    assert (
        conflict.message == "address 10.9.0.5 of container app-web-1 in network app_default is that of container other"
    )
    everything = make_observed(project)
    own = Place("app-web-1", "app_default", ADDRESS, everything.containers[0].id)
    assert found(project, own, observed=everything, recreate="always") == []
    assert found(project, own, observed=everything) == []
