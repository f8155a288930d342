"""The project as a graph: what needs what, in which order things start, and what a selection of services means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from compose.errors import InvalidProject, Problem, UsageError
from compose.model.project import Project
from compose.model.service import Service

if TYPE_CHECKING:
    import networkx

NodeKind = Literal["service", "network", "volume", "config", "secret"]


class Node(Struct, frozen=True, order=True):
    """A service or resource, by its key in the Compose file."""

    kind: NodeKind
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


def dependency_graph(project: Project) -> networkx.DiGraph[Node]:
    """Return the graph of the enabled services and the resources they use.

    Edges lead from the dependant to what it needs; between services they carry `condition`, `restart` and
    `required`. Optional dependencies that are not enabled have no node. Raises `InvalidProject` naming the
    services of a cycle.
    """
    import networkx

    graph: networkx.DiGraph[Node] = networkx.DiGraph()
    for node in _resources(project):
        graph.add_node(node)
    for name in project.services:
        graph.add_node(Node("service", name))
    for name, service in project.services.items():
        dependant = Node("service", name)
        for other, dependency in service.depends_on.items():
            if other in project.services:
                graph.add_edge(
                    dependant,
                    Node("service", other),
                    condition=dependency.condition,
                    restart=dependency.restart,
                    required=dependency.required,
                )
        for resource in used_resources(service):
            if resource in graph:
                graph.add_edge(dependant, resource)
    _refuse_cycles(graph)
    return graph


def _resources(project: Project) -> Iterable[Node]:
    sections: tuple[tuple[NodeKind, Iterable[str]], ...] = (
        ("network", project.networks),
        ("volume", project.volumes),
        ("config", project.configs),
        ("secret", project.secrets),
    )
    return (Node(kind, key) for kind, keys in sections for key in keys)


def used_resources(service: Service) -> list[Node]:
    """Return the resources that a service refers to, in a fixed order."""
    nodes = [Node("network", key) for key in service.networks]
    nodes += [Node("volume", mount.source) for mount in service.volumes if mount.type == "volume" and mount.source]
    nodes += [Node("config", mount.source) for mount in service.configs]
    nodes += [Node("secret", mount.source) for mount in service.secrets]
    if service.build is not None:
        nodes += [Node("secret", mount.source) for mount in service.build.secrets]
    return list(dict.fromkeys(nodes))


def _refuse_cycles(graph: networkx.DiGraph[Node]) -> None:
    import networkx

    if networkx.is_directed_acyclic_graph(graph):  # far faster than looking for a cycle that is not there
        return
    edges: list[Any] = networkx.find_cycle(graph)
    names = [edge[0].key for edge in edges]
    first = names.index(min(names))
    circle = [*names[first:], *names[:first]]
    trail = " -> ".join([*circle, circle[0]])
    raise InvalidProject([Problem(f"dependency cycle: {trail}", hint="remove one of these dependencies")])


def start_order(project: Project) -> list[str]:
    """Return the enabled services so that each comes after those it depends on; else in file order.

    Raises `InvalidProject` for a cycle.
    """
    import networkx

    graph = dependency_graph(project)
    services = graph.subgraph([node for node in graph if node.kind == "service"])
    position = {name: index for index, name in enumerate(project.services)}
    order = networkx.lexicographical_topological_sort(services.reverse(copy=False), lambda node: position[node.key])
    return [node.key for node in order]


def start_layers(project: Project) -> list[list[str]]:
    """Return the enabled services in layers: each depends on services of earlier ones only. In file order within.

    Raises `InvalidProject` for a cycle.
    """
    import networkx

    graph = dependency_graph(project)
    services = graph.subgraph([node for node in graph if node.kind == "service"])
    position = {name: index for index, name in enumerate(project.services)}
    layers = networkx.topological_generations(services.reverse(copy=False))
    return [sorted((node.key for node in layer), key=lambda name: position[name]) for layer in layers]


def dependants(project: Project, names: Iterable[str]) -> list[str]:
    """Return the enabled services that need one of `names`, directly or not, in file order."""
    needing: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        for other, service in project.services.items():
            if name in service.depends_on and other not in needing:
                needing.add(other)
                pending.append(other)
    return [name for name in project.services if name in needing]


def select_services(
    project: Project, names: Sequence[str], *, with_dependencies: bool = True, all_resources: bool = False
) -> Project:
    """Return the project narrowed to the named services, what they depend on, and the resources all these use.

    No names mean every enabled service. Naming a disabled service enables it, and every other service that has one of
    its profiles. Without dependencies the services are kept alone, and depend only on each other. Raises
    `UsageError` for a name that no service has, also when it is that of a required dependency. `all_resources`
    keeps those that no service uses.
    """
    narrowed = project if not names else _with_services(project, names, with_dependencies=with_dependencies)
    return narrowed if all_resources else with_used_resources(narrowed)


def _with_services(project: Project, names: Sequence[str], *, with_dependencies: bool) -> Project:
    project = _enable(project, names)
    chosen: set[str] = set()
    pending = [(name, True) for name in names]
    while pending:
        name, is_required = pending.pop()
        service = project.services.get(name)
        if service is None:
            if is_required:
                raise UsageError(f"no such service: {name}", hint=_known(project))
            continue
        if name in chosen:
            continue
        chosen.add(name)
        if with_dependencies:
            pending.extend((other, needed.required) for other, needed in service.depends_on.items())
    services = {name: _within(service, chosen) for name, service in project.services.items() if name in chosen}
    rest = {name: service for name, service in project.services.items() if name not in chosen}
    return replace(project, services=services, disabled={**project.disabled, **rest})


def _known(project: Project) -> str:
    return f"the services are: {', '.join(sorted(project.services))}" if project.services else "there is no service"


def _within(service: Service, chosen: set[str]) -> Service:
    kept = {name: needed for name, needed in service.depends_on.items() if name in chosen}
    return replace(service, depends_on=kept) if len(kept) != len(service.depends_on) else service


def _enable(project: Project, names: Sequence[str]) -> Project:
    """Enable the named services that are disabled, by activating their profiles."""
    profiles = {profile for name in names if name in project.disabled for profile in project.disabled[name].profiles}
    enabled = {name for name, service in project.disabled.items() if profiles.intersection(service.profiles)}
    if not enabled:
        return project
    services = {**project.services, **{name: project.disabled[name] for name in project.disabled if name in enabled}}
    disabled = {name: service for name, service in project.disabled.items() if name not in enabled}
    return replace(project, services=services, disabled=disabled)


def with_used_resources(project: Project) -> Project:
    """Return the project with only the resources that its enabled services use."""
    used = {node for service in project.services.values() for node in used_resources(service)}
    return replace(
        project,
        networks={key: value for key, value in project.networks.items() if Node("network", key) in used},
        volumes={key: value for key, value in project.volumes.items() if Node("volume", key) in used},
        configs={key: value for key, value in project.configs.items() if Node("config", key) in used},
        secrets={key: value for key, value in project.secrets.items() if Node("secret", key) in used},
    )
