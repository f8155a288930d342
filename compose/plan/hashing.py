"""Fingerprints of what was asked for: a container, network or volume with another one is out of date."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace

from compose.model.part import Part
from compose.model.project import FileObject, Network, Project, Volume
from compose.model.service import Service

# What may change without a new container (the same list as docker compose's).
_NOT_HASHED = {"build", "pull_policy", "scale", "depends_on", "profiles"}


def service_hash(project: Project, service: Service) -> str:
    """The fingerprint of a service's containers, 64 hex digits.

    Inline configs and secrets count with their content, because they are copied in when a container is made.
    """
    if service.deploy:
        service = replace(service, deploy=replace(service.deploy, replicas=None))
    tree = {key: value for key, value in _canonical(service).items() if key not in _NOT_HASHED}
    files = [
        (kind, mount.source, content)
        for kind, mounts, objects in (
            ("config", service.configs, project.configs),
            ("secret", service.secrets, project.secrets),
        )
        for mount in mounts
        if (content := inline_content(project, objects.get(mount.source))) is not None
    ]
    return _digest([tree, files] if files else tree)


def network_hash(network: Network) -> str:
    """The fingerprint of a network, 64 hex digits."""
    return _digest(_canonical(network))


def volume_hash(volume: Volume) -> str:
    """The fingerprint of a volume, 64 hex digits."""
    return _digest(_canonical(volume))


def inline_content(project: Project, source: FileObject | None) -> str | None:
    """The text of a config or secret that is not a file; None for files, external and unknown ones."""
    if source is None or source.file or source.external:
        return None
    if source.content is not None:
        return source.content
    return project.environment.get(source.environment, "") if source.environment else None


def _digest(tree: object) -> str:
    return hashlib.sha256(msgspec.json.encode(tree, order="sorted")).hexdigest()


def _canonical(part: Part) -> dict[str, Any]:
    """Plain data without the fields that have their default, so that new fields do not change old hashes."""
    tree: dict[str, Any] = msgspec.to_builtins(part)
    return tree
