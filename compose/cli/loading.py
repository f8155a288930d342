"""The project of the command line's Compose files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compose.cli.session import Session
from compose.cli.terminal import warn
from compose.errors import NoProject
from compose.model.project import Project

if TYPE_CHECKING:
    from compose.load.pipeline import Loaded


def load_project(session: Session, **switches: Any) -> Loaded:
    """The project of the Compose files; its warnings are told. Raises `InvalidProject`, `NoProject`."""
    from compose.load.pipeline import load

    loaded = load(session.request(**switches))
    for message in loaded.project.warnings:
        warn(session, message)
    return loaded


def load_if_there(session: Session) -> Project | None:
    """The project, or None where there are no files but the project's name was given."""
    try:
        return load_project(session).project
    except NoProject:
        if session.given_name:
            return None
        raise
