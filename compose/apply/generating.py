"""A Compose file made of containers that are there, however they came to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import UNSET

from compose.apply.parallel import all_of
from compose.apply.refusals import refusals
from compose.errors import ComposeError
from compose.model.units import format_duration
from compose.plan.labels import SERVICE
from engine.client import ApiError, EngineClient
from engine.wire.containers import ContainerInspect, HealthConfig
from engine.wire.summaries import MountPoint

_SECRETS = "/run/secrets"
# Labels of tools, which are made anew.
_NOT_KEPT = ("com.docker.compose.", "desktop.docker.io", "pycompose.")


async def generated(engine: EngineClient, names: Sequence[str], project_name: str) -> dict[str, Any]:
    """The document of a project of these containers (names or ids). Raises `ComposeError` if there are none."""
    with refusals("looking for containers"):
        lists = await all_of(
            [
                partial(engine.list_containers, everything=True, filters={"name": names}),
                partial(engine.list_containers, everything=True, filters={"id": names}),
            ]
        )
        found = {item.id: item for each in lists for item in each}
        if not found:
            raise ComposeError(f"no container(s) found with the following name(s): {','.join(names)}")
        containers = await all_of([partial(engine.inspect_container, identity) for identity in found])
        networks = {name for item in containers for name in item.network_settings.networks}
        internal = await all_of([partial(_is_internal, engine, name) for name in sorted(networks)])
    return document(project_name, containers, dict(zip(sorted(networks), internal, strict=True)))


async def _is_internal(engine: EngineClient, network: str) -> bool:
    try:
        return (await engine.inspect_network(network)).internal
    except ApiError as exc:
        if exc.status != 404:
            raise
        return False


def document(project_name: str, containers: Iterable[ContainerInspect], networks: Mapping[str, bool]) -> dict[str, Any]:
    """The document; `networks` says of each whether it is internal. Containers of one service are its scale."""
    services: dict[str, dict[str, Any]] = {}
    volumes: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    for item in containers:
        name = (item.config.labels or {}).get(SERVICE) or item.name.removeprefix("/")
        scale = services[name]["scale"] + 1 if name in services else 1
        services[name] = {**_service(item, volumes, secrets), "scale": scale}
    sections = {
        "networks": {name: {"internal": True} if internal else {} for name, internal in networks.items()},
        "volumes": dict(sorted(volumes.items())),
        "secrets": dict(sorted(secrets.items())),
    }
    named = {"name": project_name} if project_name else {}
    return {
        **named,
        "services": dict(sorted(services.items())),
        **{name: section for name, section in sections.items() if section},
    }


def _service(item: ContainerInspect, volumes: dict[str, Any], secrets: dict[str, Any]) -> dict[str, Any]:
    labels = {key: text for key, text in (item.config.labels or {}).items() if not key.startswith(_NOT_KEPT)}
    environment = {name: value for name, _, value in (entry.partition("=") for entry in item.config.env or ())}
    mounts = [mount for mount in item.mounts if not _is_secret(mount)]
    for mount in mounts:
        if mount.type == "volume" and mount.name is not UNSET:
            is_local = mount.driver in (UNSET, "", "local")
            volumes[mount.name] = {} if is_local else {"name": mount.name, "driver": mount.driver}
    hidden = {mount.destination.rpartition("/")[2]: mount for mount in item.mounts if _is_secret(mount)}
    secrets.update({name: {"file": mount.source} for name, mount in hidden.items()})
    entry: dict[str, Any] = {
        "environment": dict(sorted(environment.items())),
        "healthcheck": _healthcheck(item.config.healthcheck),
        "image": item.config.image,
        "labels": dict(sorted(labels.items())),
        "networks": {
            name: {"aliases": list(place.aliases)} if place.aliases else {}
            for name, place in sorted(item.network_settings.networks.items())
        },
        "ports": _ports(item),
        "secrets": [{"source": name, "target": mount.destination} for name, mount in hidden.items()],
        "volumes": [_volume(mount) for mount in mounts if mount.type in ("volume", "bind")],
    }
    return {key: value for key, value in entry.items() if value}


def _is_secret(mount: MountPoint) -> bool:
    return mount.type == "bind" and mount.destination.startswith(f"{_SECRETS}/")


def _healthcheck(found: HealthConfig | None) -> dict[str, Any]:
    if found is None:
        return {}
    times = {name: getattr(found, name) for name in ("timeout", "interval", "start_period", "start_interval")}
    return {
        **({"test": found.test} if found.test else {}),
        **{name: format_duration(nanoseconds) for name, nanoseconds in times.items() if nanoseconds},
        **({"retries": found.retries} if found.retries else {}),
    }


def _ports(item: ContainerInspect) -> list[dict[str, Any]]:
    return [
        {
            **({"host_ip": binding.host_ip} if binding.host_ip else {}),
            "target": int(key.partition("/")[0]),
            **({"published": binding.host_port} if binding.host_port else {}),
            "protocol": key.partition("/")[2] or "tcp",
        }
        for key, bindings in sorted(item.host_config.port_bindings.items())
        for binding in bindings or ()
    ]


def _volume(mount: MountPoint) -> dict[str, Any]:
    source = mount.name if mount.type == "volume" and mount.name is not UNSET else mount.source
    read_only = {} if mount.rw else {"read_only": True}
    return {"type": mount.type, "source": source, "target": mount.destination, **read_only}
