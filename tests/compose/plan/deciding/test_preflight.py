"""What is found to be impossible before anything is done."""

from __future__ import annotations

import pytest

from compose.model.project import Ipam, IpamPool, Network, Project
from compose.model.service import Port, ServiceNetwork
from compose.plan.deciding.preflight import Conflict, PublishedPort, Surroundings, conflicts, wished_ports
from compose.plan.deciding.reconcile import reconcile
from compose.plan.deciding.survey import Options
from compose.plan.observed import Observed
from tests.fakes.projects import make_observed, make_project, make_service

NOTHING = Observed(images={"tiny:1": "id-tiny:1"})
OTHER = PublishedPort("other-web-1", 8080, container_id="other")


def found(
    project: Project,
    *published: PublishedPort,
    observed: Observed = NOTHING,
    options: Options | None = None,
    **subnets: tuple[str, ...],
) -> list[Conflict]:
    plan = reconcile(project, observed, options or Options())
    return conflicts(project, plan, Surroundings(published, subnets))


def test_a_port_that_another_container_has_is_found_with_its_owner_and_place() -> None:
    project = make_project(make_service("web", ports=(Port(90, "9090"), Port(80, "8080"))))
    [conflict] = found(project, OTHER)
    assert conflict.message == "port 8080/tcp of container app-web-1 is published by container other-web-1"
    assert conflict.subject == ("services", "web", "ports", 1)


def test_one_container_cannot_publish_a_port_twice() -> None:
    project = make_project(make_service("web", ports=(Port(80, "8080"), Port(90, "8080"), Port(80, "8080", "", "udp"))))
    [conflict] = found(project)
    assert conflict.message == "container app-web-1 wants port 8080/tcp twice"
    assert conflict.subject == ("services", "web", "ports", 1)


def test_two_services_cannot_have_the_same_port() -> None:
    project = make_project(make_service("a", ports=(Port(80, "8080"),)), make_service("b", ports=(Port(80, "8080"),)))
    [conflict] = found(project)
    assert conflict.message == "port 8080/tcp of container app-b-1 is also wanted by container app-a-1"


def test_two_containers_of_a_service_cannot_have_the_same_port() -> None:
    project = make_project(make_service("web", scale=2, ports=(Port(80, "8080"),)))
    assert [conflict.subject for conflict in found(project)] == [("services", "web", "ports", 0)]


@pytest.mark.parametrize(
    ("port", "is_taken"),
    [
        (Port(80, "8080"), True),
        (Port(80, "8080", "127.0.0.1"), True),
        (Port(80, "8080", protocol="udp"), False),
        (Port(80, "8081"), False),
        (Port(80), False),
        (Port(80, "8080-8090"), False),
    ],
)
def test_ports_differ_by_number_protocol_and_address(port: Port, is_taken: bool) -> None:
    assert bool(found(make_project(make_service("web", ports=(port,))), OTHER)) == is_taken


def test_two_addresses_may_have_the_same_port() -> None:
    service = make_service("web", ports=(Port(80, "8080", "127.0.0.1"),))
    other = PublishedPort("other", 8080, address="127.0.0.2")
    assert found(make_project(service), other) == []


def test_the_port_of_a_container_that_is_replaced_is_free() -> None:
    project = make_project(make_service("web", ports=(Port(80, "8080"),)))
    observed = make_observed(project, web="stale")
    old = PublishedPort("app-web-1", 8080, container_id=observed.containers[0].id)
    assert found(project, old, observed=observed) == []


def test_what_runs_already_is_not_looked_at() -> None:
    project = make_project(make_service("web", ports=(Port(80, "8080"),)))
    own = PublishedPort("app-web-1", 8080, container_id="web")
    assert found(project, own, observed=make_observed(project)) == []


def network(key: str, *subnets: str) -> Network:
    return Network(key, f"app_{key}", ipam=Ipam(config=tuple(map(IpamPool, subnets))))


def test_subnets_that_overlap_are_found_among_others_networks_and_ones_own() -> None:
    service = make_service("web", networks={"a": ServiceNetwork(), "b": ServiceNetwork()})
    networks = {"a": network("a", "10.1.0.0/16"), "b": network("b", "10.1.2.0/24")}
    project = make_project(service, networks=networks)
    messages = [conflict.message for conflict in found(project, other=("10.1.0.0/24", "fd00::/64"))]
    assert messages == [
        "subnet 10.1.0.0/16 of network app_a overlaps with that of network other",
        "subnet 10.1.2.0/24 of network app_b overlaps with that of network app_a",
    ]


def test_a_subnet_that_is_none_is_left_to_the_engine() -> None:
    service = make_service("web", networks={"a": ServiceNetwork()})
    assert found(make_project(service, networks={"a": network("a", "no subnet", "fd00::/64")})) == []


def test_a_port_that_a_program_of_the_host_has_is_found() -> None:
    project = make_project(make_service("web", ports=(Port(80, "8080"), Port(81, "8081"))))
    plan = reconcile(project, NOTHING, Options())
    wishes = wished_ports(project, plan, [OTHER])
    assert [str(wish) for wish in wishes] == ["8081/tcp"], "of the other one its container is told"
    [conflict] = conflicts(project, plan, Surroundings(occupied=[(wish, "nginx (pid 7)") for wish in wishes]))
    assert conflict.message == "port 8081/tcp of container app-web-1 is in use on this host, by nginx (pid 7)"
    assert conflict.subject == ("services", "web", "ports", 1)


def test_a_name_that_another_container_has_is_found() -> None:
    project = make_project(make_service("web", container_name="taken"))
    plan = reconcile(project, NOTHING, Options())
    [conflict] = conflicts(project, plan, Surroundings(names={"taken": "other"}))
    assert conflict.subject == ("services", "web", "container_name")


def test_a_container_that_another_command_is_making_is_not_to_be_removed() -> None:
    project = make_project(make_service("web"))
    plan = reconcile(project, NOTHING, Options())
    [conflict] = conflicts(project, plan, Surroundings(names={"app-web-1": "new"}, own=[("web", "new")]))
    assert conflict.message == "container app-web-1 is just being made by another command"
    assert "rm -f" not in conflict.hint


def test_the_name_of_what_is_replaced_is_free() -> None:
    project = make_project(make_service("web"))
    observed = make_observed(project, web="stale")
    names = {item.name: item.id for item in observed.containers}
    plan = reconcile(project, observed, Options())
    assert conflicts(project, plan, Surroundings(names=names)) == []
