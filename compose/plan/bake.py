"""Builds as a file for `docker buildx bake`, which docker compose prints for `build --print`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from compose.model.project import Project
from compose.model.remotes import is_remote
from compose.model.service import Build, FileMount, Service
from compose.plan import labels
from compose.plan.actions import BuildImage
from compose.plan.deciding.building import SERVICE_CONTEXT


def bake_file(project: Project, builds: Sequence[BuildImage], wanted: Iterable[str]) -> dict[str, Any]:
    """The file's contents; `wanted` are the services that were asked for, those that they build on left out."""
    asked = set(wanted)
    targets = {action.service.name: _target(project, action) for action in builds}
    default = [name for name in targets if name in asked]
    return {"group": {"default": {"targets": default}}, "target": dict(sorted(targets.items()))}


def build_labels(project: Project, service: Service) -> dict[str, str]:
    """The labels of an image that is built for a service: the user's, and docker compose's over them."""
    wish = service.build
    return {
        **(wish.labels if wish else {}),
        labels.PROJECT: project.name,
        labels.SERVICE: service.name,
        labels.VERSION: labels.COMPATIBLE_VERSION,
    }


def _target(project: Project, action: BuildImage) -> dict[str, Any]:
    wish = action.service.build
    assert wish is not None  # only services with one are planned to be built
    entitlements = [*wish.entitlements, *(["security.insecure"] if wish.privileged else [])]
    fields = {
        "context": wish.context,
        "contexts": {name: _context(value) for name, value in sorted(wish.additional_contexts.items())},
        **_dockerfile(wish),
        "args": {**{name: value for name, value in wish.args.items() if value is not None}, **action.args},
        "labels": dict(sorted(build_labels(project, action.service).items())),
        "tags": sorted({*wish.tags, action.image}),
        "cache-from": list(wish.cache_from),
        "cache-to": list(wish.cache_to),
        "target": wish.target,
        "secret": [_secret(project, mount) for mount in wish.secrets],
        "ssh": [item if "=" in item else f"{item}=" for item in (*wish.ssh, *action.ssh)],
        "platforms": list(wish.platforms),
        "pull": action.pull or wish.pull,
        "no-cache": action.no_cache or wish.no_cache,
        "network": wish.network,
        "shm-size": str(wish.shm_size) if wish.shm_size else "",
        "ulimits": [f"{name}={limit.soft}:{limit.hard}" for name, limit in sorted(wish.ulimits.items())],
        "entitlements": list(dict.fromkeys(entitlements)),
        "extra-hosts": dict(item.split("=", 1) for item in wish.extra_hosts),
        "output": ["type=docker"],
    }
    return {name: value for name, value in fields.items() if value}


def _context(value: str) -> str:
    return f"target:{value.removeprefix(SERVICE_CONTEXT)}" if value.startswith(SERVICE_CONTEXT) else value


def _dockerfile(wish: Build) -> dict[str, str]:
    if wish.dockerfile_inline:
        return {"dockerfile-inline": wish.dockerfile_inline}
    name = wish.dockerfile or "Dockerfile"
    return {"dockerfile": name if is_remote(wish.context) else str(Path(wish.context) / name)}


def _secret(project: Project, mount: FileMount) -> str:
    source = project.secrets[mount.source]
    name = mount.target.rpartition("/")[2] or mount.source
    if source.environment:
        return f"id={name},type=env,env={source.environment}"
    return f"id={name},type=file,src={source.file}"
