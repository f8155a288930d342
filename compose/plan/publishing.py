"""What has to be known, and agreed to, before a project is published."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from compose.errors import UsageError
from compose.model.project import Project
from compose.model.service import Mount


def check_images(project: Project) -> None:
    """Raise `UsageError` if services have only a `build`: who uses the application has no files to build from."""
    unnamed = sorted(name for name, service in project.services.items() if service.build and not service.image)
    if unnamed:
        raise UsageError(
            "the project cannot be published: these services have no image, only a `build`: " + ", ".join(unnamed),
            hint="give them an `image:`, by which their builds are pushed",
            subject=("services", unnamed[0], "build"),
        )


def check_variables(project: Project, with_env_files: Collection[str]) -> None:
    """Raise `UsageError` if the project has variables, which are published only when that is asked for."""
    found: list[str] = []
    for name, service in project.services.items():
        if name in with_env_files:
            found.append(f'service "{name}" has env_file declared.')
        if service.environment:
            found.append(f'service "{name}" has environment variable(s) declared.')
    found += [
        f'config "{config.name}" is declared as an environment variable.'
        for config in project.configs.values()
        if config.environment
    ]
    if found:
        raise UsageError(
            "\n".join(found),
            hint="variables may be secrets: publish them with --with-env, or remove them from the Compose files",
        )


def bind_mounts(project: Project) -> Mapping[str, list[Mount]]:
    """The bind mounts by service, of those that have some."""
    found = {
        name: [mount for mount in service.volumes if mount.type == "bind"] for name, service in project.services.items()
    }
    return {name: mounts for name, mounts in found.items() if mounts}


def variables(project: Project) -> Mapping[str, Mapping[str, str | None]]:
    """The variables that are published, by service or config, of those that have some."""
    found: dict[str, Mapping[str, str | None]] = {
        name: service.environment for name, service in project.services.items() if service.environment
    }
    for config in project.configs.values():
        if config.environment:
            found[config.name] = {config.name: config.environment}
    return found
