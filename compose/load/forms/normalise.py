"""What a project means beyond what its files say: the default network, implied dependencies, names on the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose.load.forms.canonical import clean_target
from compose.load.tree import Map, Seq

NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")
NAMED = ("networks", "volumes", "configs", "secrets")
SERVICE = "service:"
CONTAINER = "container:"


def normalise(tree: Map, name: str, environment: Mapping[str, str]) -> None:
    """Complete a canonical document, in place."""
    tree["name"] = name
    services = tree.get("services")
    if isinstance(services, Map):
        _use_default_network(tree, services)
        for service in services.values():
            if isinstance(service, Map):
                _complete_service(service, environment)
    _name_resources(tree, name)


def _use_default_network(tree: Map, services: Map) -> None:
    is_used = False
    for service in services.values():
        if not isinstance(service, Map) or "provider" in service or "network_mode" in service:
            continue
        networks = service.get("networks")
        if not networks:
            service["networks"] = networks = Map(service.where, {"default": None})
        is_used = is_used or "default" in networks
    networks = tree.get("networks")
    if is_used and not (isinstance(networks, Map) and "default" in networks):
        if not isinstance(networks, Map):
            networks = tree["networks"] = Map(tree.where)
        networks["default"] = None


def _complete_service(service: Map, environment: Mapping[str, str]) -> None:
    if service.get("pull_policy") == "if_not_present":
        service["pull_policy"] = "missing"
    build = service.get("build")
    if isinstance(build, Map):
        if build.get("context") is None:
            build["context"] = "."
        if build.get("dockerfile") is None and build.get("dockerfile_inline") is None:
            build["dockerfile"] = "Dockerfile"
        if "args" in build:
            build["args"] = _with_values(build["args"], environment, keep_empty=False)
    if "environment" in service:
        service["environment"] = _with_values(service["environment"], environment, keep_empty=True)
    for mount in _list(service, "volumes"):
        if isinstance(mount, Map) and isinstance(mount.get("target"), str):
            mount["target"] = clean_target(mount["target"])
    _depend(service)


def _list(service: Map, key: str) -> list[Any]:
    value = service.get(key)
    return value if isinstance(value, Seq) else []


def _depend(service: Map) -> None:
    """Add the dependencies that links, shared namespaces and `volumes_from` imply."""
    given = service.get("depends_on")
    depends_on = given if isinstance(given, Map) else Map(service.where)

    def add(name: str, key: str, *, restart: bool) -> None:
        if name not in depends_on:
            where = service.value_at(key)
            entry = Map(where, {"condition": "service_started", "restart": restart, "required": True})
            depends_on.put(name, entry, where)

    for link in _list(service, "links"):
        parts = str(link).split(":")
        add(parts[0] if len(parts) == 2 else str(link), "links", restart=True)
    for key in NAMESPACES:
        reference = service.get(key)
        if isinstance(reference, str) and reference.startswith(SERVICE):
            add(reference.removeprefix(SERVICE), key, restart=True)
    for reference in _list(service, "volumes_from"):
        if isinstance(reference, str) and not reference.startswith(CONTAINER):
            add(reference.split(":")[0], "volumes_from", restart=False)
    if depends_on:
        service["depends_on"] = depends_on


def _with_values(variables: Any, environment: Mapping[str, str], *, keep_empty: bool) -> Any:
    """Give variables without a value that of the environment; those without any are kept or dropped."""
    if isinstance(variables, Map):
        result = variables.fresh()
        for name, value in variables.items():
            if value is not None:
                result[name] = value
            elif name in environment:
                result[name] = environment[name]
            elif keep_empty:
                result[name] = None
        return result
    if isinstance(variables, Seq):
        pairs = []
        for item, place in variables.pairs():
            if isinstance(item, str) and "=" not in item and item in environment:
                pairs.append((f"{item}={environment[item]}", place))
            elif keep_empty or not isinstance(item, str) or "=" in item:
                pairs.append((item, place))
        return Seq.of(variables.where, pairs)
    return variables


def _name_resources(tree: Map, project: str) -> None:
    for section in NAMED:
        resources = tree.get(section)
        if not isinstance(resources, Map):
            continue
        for key, resource in resources.items():
            if resource is None:
                resource = resources[key] = Map(resources.value_at(key))
            if isinstance(resource, Map) and resource.get("name") is None:
                resource["name"] = key if is_true(resource.get("external")) else f"{project}_{key}"


def is_true(value: Any) -> bool:
    """Tell whether `external` (a boolean, or still a text without interpolation) is on."""
    return value is True or value in ("1", "t", "T", "true", "TRUE", "True")
