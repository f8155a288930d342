"""What every command starts from: the global options, the environment and the working directory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compose.errors import UsageError

if TYPE_CHECKING:
    from compose.load.pipeline import LoadRequest
    from compose.model.project import Project


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the program. Nothing is read or connected before a command asks for it."""

    environment: Mapping[str, str]
    cwd: Path
    files: tuple[str, ...] = ()
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    project_directory: str = ""
    all_resources: bool = False
    host: str = ""
    ansi: str = "auto"
    progress: str = "auto"
    dry_run: bool = False
    compatibility: bool = False

    def request(self, **switches: Any) -> LoadRequest:
        """What to load, with the switches of `LoadRequest`."""
        from compose.load.pipeline import LoadRequest

        return LoadRequest(
            cwd=self.cwd,
            files=self.files,
            project_directory=self.project_directory,
            project_name=self.project_name,
            profiles=self.profiles,
            env_files=self.env_files,
            environment=self.environment,
            stdin=sys.stdin.buffer.read,
            all_resources=self.all_resources,
            **switches,
        )

    @property
    def given_name(self) -> str:
        """The project's name if the user gave it outside the files, "" otherwise."""
        return self.project_name or self.environment.get("COMPOSE_PROJECT_NAME", "")


def session_of(options: Mapping[str, Any], environment: Mapping[str, str]) -> Session:
    """The session that the global options and the variables which stand for them ask for."""
    given: dict[str, Any] = {
        **options,
        "environment": dict(environment),
        "cwd": Path.cwd(),
        "host": options["host"] or environment.get("DOCKER_HOST", ""),
        "ansi": options["ansi"] or environment.get("COMPOSE_ANSI", "auto"),
        "progress": options["progress"] or environment.get("COMPOSE_PROGRESS", "auto"),
        "compatibility": options["compatibility"] or is_true(environment.get("COMPOSE_COMPATIBILITY", "")),
    }
    return Session(**given)


def is_true(text: str) -> bool:
    """As docker compose reads its variables."""
    return text.lower() in ("1", "t", "true", "y", "yes", "on")


def check_services(project: Project | None, names: tuple[str, ...]) -> None:
    """Raise `UsageError` for a name that no service of the project has."""
    if project is None:
        return
    for name in names:
        if name not in project.services and name not in project.disabled:
            known = ", ".join(sorted({*project.services, *project.disabled})) or "none"
            raise UsageError(f"no such service: {name}", hint=f"the project's services: {known}")
