"""The project of the command line's Compose files."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from compose.cli.session import Session
from compose.cli.terminal import warn
from compose.errors import NoProject
from compose.model.project import Project

# docker-compose 1 named containers and images `project_service_1` and `project_service`.
_SEPARATOR_OF_VERSION_1 = "_"

if TYPE_CHECKING:
    from compose.load.pipeline import Loaded


def load_project(session: Session, **switches: Any) -> Loaded:
    """The project of the Compose files; its warnings are told. Raises `InvalidProject`, `NoProject`."""
    loaded = load_silently(session, **switches)
    for message in loaded.project.warnings:
        warn(session, message)
    return loaded


def load_silently(session: Session, **switches: Any) -> Loaded:
    """The same without a word: for who looks at the project in more than one way."""
    from compose.load.pipeline import load

    loaded = load(session.request(artifact=partial(_artifact, session), **switches))
    if session.compatibility:
        loaded = replace(loaded, project=replace(loaded.project, separator=_SEPARATOR_OF_VERSION_1))
    return loaded


def _artifact(session: Session, address: str) -> str:
    from compose.cli.sharing.artifacts import artifact  # hardly any project has one

    return artifact(session, address)


def warn_without_effect(session: Session, loaded: Loaded, services: Collection[str]) -> None:
    """Tell what the files ask of these services and nobody does."""
    from compose.load.checks.unsupported import without_effect

    # Another engine than ours is Docker's, or like it.
    with_docker = bool(session.host) and "pycompose" not in session.host
    for item in without_effect(loaded.places.tree, services, with_docker=with_docker):
        warn(session, str(item))


def load_if_there(session: Session) -> Project | None:
    """The project, or None where there are no files but the project's name was given.

    It is good for what exists already: the services' variable files are not read, and may be gone.
    """
    try:
        return load_project(session, resolve_environment=False).project
    except NoProject:
        if session.given_name:
            return None
        raise
