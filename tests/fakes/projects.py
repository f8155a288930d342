"""Projects and observed states for tests, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from compose.model.part import Part
from compose.model.project import Network, Project, Volume
from compose.model.service import Condition, Dependency, Mount, Service, ServiceNetwork
from compose.plan.hashing import network_hash, service_hash, volume_hash
from compose.plan.observed import Observed, ObservedContainer, ObservedMount, ObservedNetwork, ObservedVolume


def make_service(name: str, *, after: dict[str, Condition] | None = None, **attributes: Any) -> Service:
    """A service of image `tiny:1` on the default network; `after`: service -> condition."""
    attributes.setdefault("image", "tiny:1")
    if "network_mode" not in attributes:
        attributes.setdefault("networks", {"default": ServiceNetwork()})
    depends_on = {other: Dependency(condition) for other, condition in (after or {}).items()}
    return Service(name, depends_on=attributes.pop("depends_on", depends_on), **attributes)


def make_project(*services: Service, **attributes: Any) -> Project:
    """A project `app` of these services, with the networks and volumes that they name."""
    networks = {key for service in services for key in service.networks}
    volumes = {
        mount.source for service in services for mount in service.volumes if mount.type == "volume" and mount.source
    }
    attributes.setdefault("networks", {key: Network(key, f"app_{key}") for key in sorted(networks)})
    attributes.setdefault("volumes", {key: Volume(key, f"app_{key}") for key in sorted(volumes)})
    return Project(
        name="app",
        working_dir="/app",
        compose_files=("/app/compose.yaml",),
        services={service.name: service for service in services},
        canonical=canonical(*services, *attributes["networks"].values(), *attributes["volumes"].values()),
        **attributes,
    )


def canonical(*parts: Part) -> dict[str, dict[str, dict[str, object]]]:
    """What the hashes of these services, networks and volumes are made of: not the real thing, but all that matters."""
    sections = {Service: "services", Network: "networks", Volume: "volumes"}
    found: dict[str, dict[str, dict[str, object]]] = {name: {} for name in sections.values()}
    for part in parts:
        tree = msgspec.to_builtins(part)
        found[sections[type(part)]][tree.get("key", tree["name"])] = tree
    return found


def data_volume(key: str = "data") -> Mount:
    """The volume `key` mounted at /data."""
    return Mount("volume", "/data", key)


def make_observed(project: Project, *, images: tuple[str, ...] = ("tiny:1",), **states: str) -> Observed:
    """The project as it is after `up`: every service with one container, running unless `states` says otherwise.

    A state of `none` leaves the container out; `stale` makes its configuration an old one.
    """
    containers = []
    ids = {name: f"{number:064x}" for number, name in enumerate(project.services, start=1)}
    for number, service in enumerate(project.services.values(), start=1):
        state = states.get(service.name, "running")
        if state != "none":
            containers.append(observed_container(project, service, number, state, ids))
    return Observed(
        tuple(containers),
        {
            item.name: ObservedNetwork(f"id-{item.name}", item.name, project.name, key, network_hash(project, item))
            for key, item in project.networks.items()
        },
        {
            item.name: ObservedVolume(item.name, project.name, key, volume_hash(project, item))
            for key, item in project.volumes.items()
        },
        {image: f"id-{image}" for image in images},
    )


def observed_container(
    project: Project, service: Service, identity: int, state: str = "running", providers: Mapping[str, str] = {}
) -> ObservedContainer:
    """The first container of a service, up to date unless its state is `stale`. `providers`: ids by service."""
    is_stale = state == "stale"
    return ObservedContainer(
        id=f"{identity:064x}",
        name=service.container_name or f"{project.name}-{service.name}-1",
        service=service.name,
        state="running" if is_stale else state,
        config_hash="old" if is_stale else service_hash(project, service, providers),
        image=service.image,
        image_id=f"id-{service.image}",
        depends_on=tuple(service.depends_on),
        networks={project.networks[key].name: f"id-{project.networks[key].name}" for key in service.networks},
        mounts=tuple(
            ObservedMount("volume", mount.target, project.volumes[mount.source].name)
            for mount in service.volumes
            if mount.type == "volume" and mount.source
        ),
    )
