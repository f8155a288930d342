"""The files that a plan needs, with the error for each that is missing. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from compose.model.paths import Path
from compose.model.project import Project
from compose.model.service import Service
from compose.plan.actions import BuildImage, CreateContainer
from compose.plan.steps import Plan


class Material(Struct, frozen=True):
    """A path that has to be there; `host` is whose: a build's files are the client's, those of mounts the engine's."""

    path: str
    host: Literal["client", "engine"]
    message: str
    hint: str
    subject: Path


def materials(project: Project, plan: Plan) -> Iterator[Material]:
    """Everything, in the plan's order."""
    seen: set[str] = set()
    for step in plan.steps:
        if isinstance(step.action, BuildImage):
            yield from _of_build(step.action.service)
        elif isinstance(step.action, CreateContainer) and step.action.service.name not in seen:
            seen.add(step.action.service.name)
            yield from _of_mounts(step.action.service)
            yield from _of_files(project, step.action.service)


def _of_build(service: Service) -> Iterator[Material]:
    build = service.build
    if build is None or not build.context.startswith("/"):
        return  # somewhere else
    subject: Path = ("services", service.name, "build")
    yield Material(
        build.context,
        "client",
        f"the build context {build.context} of service {service.name} is not there",
        "create the directory, or correct `build.context`",
        (*subject, "context"),
    )
    if not build.dockerfile_inline:
        yield Material(
            posixpath.join(build.context, build.dockerfile or "Dockerfile"),
            "client",
            f"service {service.name} has no {build.dockerfile or 'Dockerfile'} in its build context",
            "create it, or name another one by `build.dockerfile`",
            (*subject, "dockerfile") if build.dockerfile else subject,
        )


def _of_mounts(service: Service) -> Iterator[Material]:
    for index, mount in enumerate(service.volumes):
        if mount.type == "bind" and mount.bind and not mount.bind.create_host_path:
            yield Material(
                mount.source,
                "engine",
                f"service {service.name} mounts {mount.source}, which is not there",
                "create it, or have it created with `bind.create_host_path: true`",
                ("services", service.name, "volumes", index),
            )


def _of_files(project: Project, service: Service) -> Iterator[Material]:
    for kind, mounts, objects in (
        ("config", service.configs, project.configs),
        ("secret", service.secrets, project.secrets),
    ):
        for mount in mounts:
            source = objects.get(mount.source)
            if source and source.file and not source.external:
                yield Material(
                    source.file,
                    "engine",
                    f"the file {source.file} of {kind} {source.key} is not there",
                    "create it, or correct `file`",
                    (f"{kind}s", source.key, "file"),
                )
