"""Names that a shell may complete words to. Nothing is started for it, and nothing is said where something is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from compose.cli.session import Session, session_of
from compose.errors import ComposeError

if TYPE_CHECKING:
    from compose.model.project import Project

_PROJECT_LABEL = "com.docker.compose.project"


def service_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The project's services."""
    project = _project(ctx)
    return _beginning(incomplete, (*project.services, *project.disabled)) if project else []


def profile_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The profiles of the project's services."""
    project = _project(ctx)
    if project is None:
        return []
    every = (*project.services.values(), *project.disabled.values())
    return _beginning(incomplete, sorted({profile for service in every for profile in service.profiles}))


def project_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The projects that have containers."""
    labels = [item["Labels"] for item in _listed(ctx, "/containers/json?all=1")]
    return _beginning(incomplete, sorted({found[_PROJECT_LABEL] for found in labels if _PROJECT_LABEL in found}))


def container_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The engine's containers, running or not."""
    names = [name.removeprefix("/") for item in _listed(ctx, "/containers/json?all=1") for name in item["Names"]]
    return _beginning(incomplete, sorted(names))


def image_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The engine's images."""
    return _beginning(incomplete, sorted(name for item in _listed(ctx, "/images/json") for name in item["RepoTags"]))


def network_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The engine's networks."""
    return _beginning(incomplete, sorted(item["Name"] for item in _listed(ctx, "/networks")))


def volume_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The engine's volumes."""
    found = _asked(_session(ctx), "/volumes") or {"Volumes": None}
    return _beginning(incomplete, sorted(item["Name"] for item in found["Volumes"] or ()))


def _project(ctx: click.Context) -> Project | None:
    """The project of the files; None for files with mistakes, of which a shell could not be told."""
    from compose.load.pipeline import load

    try:
        return load(_session(ctx).request(resolve_environment=False)).project
    except ComposeError:
        return None


def _session(ctx: click.Context) -> Session:
    return session_of(ctx.find_root().params, os.environ)


def _listed(ctx: click.Context, target: str) -> list[dict[str, Any]]:
    return _asked(_session(ctx), target) or []


def _asked(session: Session, target: str) -> Any:
    """What the engine answers; None where none runs."""
    import msgspec

    from compose.cli.reaching.nearby import glanced

    answer = glanced(session, lambda engine: engine.call("GET", target))
    return None if answer is None else msgspec.json.decode(answer)


def _beginning(text: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(text)]
