"""The schema and the typed model know the same attributes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from compose.model import project, service, tooling
from compose.model.part import Part
from schemas import load_schema

SCHEMA = load_schema("compose")
NAMES = "^[a-zA-Z0-9._-]+$"

# Attributes that have done their work when the project is typed.
LOADED = {"env_file", "label_file", "extends"}
# Attributes that say how to spread and update containers over many machines.
SWARM = {"endpoint_mode", "placement", "update_config", "rollback_config", "resources"}

# The model's type, the way to its definition in the schema, what only the schema and what only the model has.
PARTS: tuple[tuple[type[Part], str, Collection[str], Collection[str]], ...] = (
    # `pull_refresh_after` is in the specification's schema, but the reference ignores it.
    (service.Service, "service", LOADED | {"pull_refresh_after"}, {"name"}),
    (service.Build, "build", (), ()),
    (service.HealthCheck, "healthcheck", (), ()),
    (service.Deploy, "deploy", SWARM, {"limits", "reservations"}),
    (service.ResourceLimits, "deploy.resources.limits", (), {"devices"}),
    (service.ResourceLimits, "deploy.resources.reservations", {"generic_resources"}, {"pids"}),
    (service.DeployRestart, "deploy.restart_policy", (), ()),
    (service.DeviceRequest, "deploy.resources.reservations.devices[]", (), ()),
    (service.DeviceRequest, "service.gpus[]", (), ()),
    (service.Dependency, f"service.depends_on.{NAMES}", (), ()),
    (service.ServiceNetwork, f"service.networks.{NAMES}", (), ()),
    (service.Port, "service.ports[]", (), ()),
    (service.Device, "service.devices[]", (), ()),
    (service.Logging, "service.logging", (), ()),
    (service.BlkioConfig, "service.blkio_config", (), ()),
    (service.WeightDevice, "blkio_weight", (), ()),
    (service.ThrottleDevice, "blkio_limit", (), ()),
    (service.Ulimit, "ulimits.^[a-z]+$", (), ()),
    (service.FileMount, "file_mounts[]", (), ()),
    (service.Mount, "mount", (), ()),
    (service.BindMount, "mount.bind", (), ()),
    (service.VolumeMount, "mount.volume", (), ()),
    (service.TmpfsMount, "mount.tmpfs", (), ()),
    (service.ImageMount, "mount.image", (), ()),
    (tooling.Hook, "hook", (), ()),
    (tooling.Develop, "develop", (), ()),
    (tooling.WatchRule, "develop.watch[]", (), ()),
    (tooling.Provider, "service.provider", (), ()),
    (tooling.ModelUse, f"service.models.{NAMES}", (), ()),
    (tooling.CredentialSpec, "service.credential_spec", (), ()),
    (tooling.Model, "model", (), {"key"}),
    (project.Network, "network", (), {"key"}),
    (project.Ipam, "network.ipam", (), ()),
    (project.IpamPool, "network.ipam.config[]", (), ()),
    (project.Volume, "volume", (), {"key"}),
    (project.FileObject, "config", (), {"key", "driver", "driver_opts"}),
    (project.FileObject, "secret", (), {"key", "content"}),
)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema itself; of several alternatives the one for a mapping, or else that for a list."""
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    branches = [resolved(branch) for branch in schema.get("anyOf", ())]
    for keyword in ("properties", "patternProperties", "items"):
        for branch in branches:
            if keyword in branch:
                return branch
    return schema


def definition(path: str) -> dict[str, Any]:
    found: dict[str, Any] = {"properties": SCHEMA["$defs"]}
    while path:
        step, _, path = (path, "", "") if path.startswith("^") else path.partition(".")
        entries = {**found.get("patternProperties", {}), **found.get("properties", {})}
        found = resolved(entries[step.removesuffix("[]")])
        if step.endswith("[]"):
            found = resolved(found["items"])
    return found


@pytest.mark.parametrize(
    ("part", "path", "only_schema", "only_model"), PARTS, ids=[f"{part.__name__} {path}" for part, path, *_ in PARTS]
)
def test_the_model_has_a_field_for_each_attribute_of_the_schema(
    part: type[Part], path: str, only_schema: Collection[str], only_model: Collection[str]
) -> None:
    assert set(definition(path)["properties"]) - set(only_schema) == set(part.__struct_fields__) - set(only_model)


def test_every_part_of_the_model_is_held_against_the_schema() -> None:
    modules = (service, project, tooling)
    parts = {item for module in modules for item in vars(module).values() if isinstance(item, type)}
    known = {part for part, *_ in PARTS} | {project.Project, Part}
    assert {part.__name__ for part in parts if issubclass(part, Part)} == {part.__name__ for part in known}


def test_the_project_has_a_section_for_each_of_the_schema() -> None:
    loaded = {"version", "include"}
    assert set(SCHEMA["properties"]) - loaded <= set(project.Project.__struct_fields__)
