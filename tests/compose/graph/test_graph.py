from __future__ import annotations

import networkx
import pytest
from msgspec.structs import replace

from compose.errors import InvalidProject, UsageError
from compose.graph.graph import Node, dependants, dependency_graph, select_services, start_layers, start_order
from compose.model.project import FileObject, Network, Project, Volume
from compose.model.service import Build, Dependency, FileMount, Mount, Service, ServiceNetwork


def needs(*names: str, **optional: bool) -> dict[str, Dependency]:
    return {name: Dependency(required=optional.get(name, True)) for name in names}


WEB = Service(
    "web",
    image="web",
    depends_on={"api": Dependency("service_healthy", restart=True)},
    networks={"front": ServiceNetwork()},
    configs=(FileMount("site"),),
)
API = Service(
    "api",
    image="api",
    depends_on=needs("db", "cache", cache=False),
    networks={"front": ServiceNetwork(), "back": ServiceNetwork()},
    secrets=(FileMount("password"),),
    build=Build(secrets=(FileMount("token"),)),
)
DB = Service(
    "db",
    image="db",
    networks={"back": ServiceNetwork()},
    volumes=(Mount("volume", "/data", "data"), Mount("bind", "/x", "/x"), Mount("volume", "/anonymous")),
)
CACHE = Service("cache", image="cache", profiles=("fast",), networks={"back": ServiceNetwork()})
WARM = Service("warm", image="warm", profiles=("fast", "other"))
DEBUG = Service("debug", image="debug", profiles=("debug",), depends_on=needs("cache"))

PROJECT = Project(
    name="demo",
    working_dir="/demo",
    compose_files=(),
    services={"web": WEB, "api": API, "db": DB},
    disabled={"cache": CACHE, "warm": WARM, "debug": DEBUG},
    networks={key: Network(key, f"demo_{key}") for key in ("front", "back", "spare")},
    volumes={"data": Volume("data", "demo_data")},
    configs={"site": FileObject("site", "demo_site", content="x")},
    secrets={key: FileObject(key, f"demo_{key}", file="/x") for key in ("password", "token")},
)


def test_the_graph_has_services_and_resources_and_leads_to_what_is_needed() -> None:
    graph = dependency_graph(PROJECT)
    web, api, db = (Node("service", name) for name in ("web", "api", "db"))
    assert set(graph.successors(web)) == {api, Node("network", "front"), Node("config", "site")}
    assert set(graph.successors(api)) == {
        db,
        Node("network", "front"),
        Node("network", "back"),
        Node("secret", "password"),
        Node("secret", "token"),
    }
    assert set(graph.successors(db)) == {Node("network", "back"), Node("volume", "data")}
    assert Node("network", "spare") in graph
    assert Node("service", "cache") not in graph
    assert networkx.is_directed_acyclic_graph(graph)


def test_edges_between_services_carry_the_condition() -> None:
    graph = dependency_graph(PROJECT)
    assert graph.edges[Node("service", "web"), Node("service", "api")] == {
        "condition": "service_healthy",
        "restart": True,
        "required": True,
    }


def test_a_cycle_is_an_error_that_names_its_services() -> None:
    project = replace(PROJECT, services={**PROJECT.services, "db": replace(DB, depends_on=needs("web"))})
    with pytest.raises(InvalidProject, match="dependency cycle: api -> db -> web -> api"):
        dependency_graph(project)


def test_services_start_after_what_they_need_and_else_in_file_order() -> None:
    assert start_order(PROJECT) == ["db", "api", "web"]
    independent = {name: Service(name, image="a") for name in ("c", "a", "b")}
    assert start_order(replace(PROJECT, services=independent)) == ["c", "a", "b"]


def test_dependants_are_found_through_others() -> None:
    assert dependants(PROJECT, ["db"]) == ["web", "api"]
    assert dependants(PROJECT, ["web"]) == []


def test_no_names_select_all_enabled_services_and_the_resources_they_use() -> None:
    selected = select_services(PROJECT, ())
    assert selected.services == PROJECT.services
    assert list(selected.networks) == ["front", "back"]


def test_resources_that_no_service_uses_can_be_kept() -> None:
    assert select_services(PROJECT, ["web"], all_resources=True).volumes == PROJECT.volumes


def test_a_selection_brings_its_dependencies_and_resources_along() -> None:
    selected = select_services(PROJECT, ["api"])
    assert list(selected.services) == ["api", "db"]
    assert list(selected.services["api"].depends_on) == ["db"]
    assert (list(selected.networks), list(selected.volumes)) == (["front", "back"], ["data"])
    assert (list(selected.configs), list(selected.secrets)) == ([], ["password", "token"])
    assert "web" in selected.disabled


def test_without_dependencies_the_named_services_stand_alone() -> None:
    selected = select_services(PROJECT, ["api"], with_dependencies=False)
    assert list(selected.services) == ["api"]
    assert selected.services["api"].depends_on == {}


def test_naming_a_disabled_service_activates_its_profiles() -> None:
    selected = select_services(PROJECT, ["cache"])
    assert list(selected.services) == ["cache"]
    assert list(select_services(PROJECT, ["api", "cache"]).services["api"].depends_on) == ["db", "cache"]


def test_a_required_dependency_that_stays_disabled_is_an_error() -> None:
    with pytest.raises(UsageError, match="no such service: cache"):
        select_services(PROJECT, ["debug"])


def test_an_unknown_service_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no such service: nope") as caught:
        select_services(PROJECT, ["nope"])
    assert caught.value.hint == "the services are: api, db, web"


def test_a_node_reads_as_what_it_is() -> None:
    assert str(Node("network", "front")) == "network front"


def test_layers_depend_on_earlier_ones_only() -> None:
    assert start_layers(PROJECT)[0][0] == "db"
    seen: set[str] = set()
    for layer in start_layers(PROJECT):
        assert all(set(PROJECT.services[name].depends_on) & set(PROJECT.services) <= seen for name in layer)
        seen.update(layer)
    assert seen == set(PROJECT.services)
