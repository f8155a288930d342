"""`config`: check the Compose files and print what they mean."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from compose.cli.loading import load_project
from compose.cli.session import Session, check_services
from compose.errors import ComposeError, UsageError

if TYPE_CHECKING:
    from compose.model.project import Project


@click.command("config", help="Check the Compose files and print the project they make")
@click.argument("services", nargs=-1, metavar="[SERVICE...]")
@click.option("--format", "style", default="", help="yaml or json")
@click.option("-q", "--quiet", is_flag=True, help="Only check")
@click.option("-o", "--output", default="", metavar="FILE", help="Write to a file")
@click.option("--services", "what", flag_value="services", help="Print the names of the services")
@click.option("--volumes", "what", flag_value="volumes", help="Print the names of the volumes")
@click.option("--networks", "what", flag_value="networks", help="Print the names of the networks")
@click.option("--images", "what", flag_value="images", help="Print the images")
@click.option("--profiles", "what", flag_value="profiles", help="Print the profiles")
@click.option("--environment", "what", flag_value="environment", help="Print the variables of the interpolation")
@click.option("--origins", is_flag=True, help="Print where each value comes from")
@click.option("--hash", "hashed", default=None, metavar="SERVICES", help="Print the hashes of services (* is all)")
@click.option("--no-interpolate", is_flag=True, help="Leave variables as they are")
@click.option("--no-normalize", is_flag=True, help="Add no defaults")
@click.option("--no-path-resolution", is_flag=True, help="Leave relative paths")
@click.option("--no-consistency", is_flag=True, help="Do not check references")
@click.option("--no-env-resolution", is_flag=True, help="Leave env_file alone")
@click.option("--all-resources", is_flag=True, help="Also what no service uses")
@click.pass_obj
def command(session: Session, /, **options: Any) -> None:
    """Load the project and print it."""
    style = options["style"] or "yaml"
    if style not in ("yaml", "json"):
        raise UsageError(f"unsupported format `{style}`", hint="use yaml or json")
    text = _text(session, options, style)
    if options["quiet"]:
        return
    if not options["output"]:
        sys.stdout.write(text)
        return
    try:
        (session.cwd / options["output"]).write_text(text, "utf-8")
    except OSError as exc:
        raise ComposeError(f"cannot write {options['output']}: {exc.strerror}") from exc


def _text(session: Session, options: Mapping[str, Any], style: str) -> str:
    services: tuple[str, ...] = options["services"]
    lists = options["hashed"] is not None or options["what"]
    loaded = load_project(
        session,
        interpolate=not options["no_interpolate"],
        normalise=not options["no_normalize"],
        resolve_paths=not options["no_path_resolution"],
        check=not options["no_consistency"],
        resolve_environment=not lists,
        all_resources=options["all_resources"],
    )
    if options["hashed"] is not None:
        return _hashes(loaded.project, options["hashed"])
    if options["what"]:
        project = _selected(loaded.project, services)
        return "".join(f"{line}\n" for line in _LISTINGS[options["what"]](project))
    document = _narrowed(loaded.document, loaded.project, services) if services else loaded.document
    if options["origins"]:
        from compose.render.origins import render_origins

        return render_origins(document, loaded.places.origins, as_json=style == "json")
    from compose.render.document import as_json, as_yaml

    if style == "yaml":
        return as_yaml(document)
    from compose.load.nulls import with_nulls

    is_interpolated, is_normalised = not options["no_interpolate"], not options["no_normalize"]
    return as_json(with_nulls(document, is_interpolated=is_interpolated, is_normalised=is_normalised))


def _selected(project: Project, services: tuple[str, ...]) -> Project:
    if not services:
        return project
    from compose.graph.graph import select_services

    check_services(project, services)
    return select_services(project, services)


def _narrowed(document: Mapping[str, Any], project: Project, services: tuple[str, ...]) -> dict[str, Any]:
    """The document with only the services meant, what they depend on, and what these use."""
    chosen = _selected(project, services)
    kept = {
        "services": chosen.services,
        "networks": chosen.networks,
        "volumes": chosen.volumes,
        "configs": chosen.configs,
        "secrets": chosen.secrets,
    }
    narrowed: dict[str, Any] = {}
    for key, value in document.items():
        if key not in kept:
            narrowed[key] = value
        elif part := {name: entry for name, entry in value.items() if name in kept[key]}:
            narrowed[key] = part
    return narrowed


def _hashes(project: Project, wanted: str) -> str:
    from compose.plan.hashing import service_hash

    names = tuple(project.services) if wanted == "*" else tuple(wanted.split(","))
    for name in names:
        if name not in project.services:
            raise UsageError(f"no such service: {name}")
    return "".join(
        f"{name} {service_hash(project, project.services[name], without=('label_file',))}\n" for name in sorted(names)
    )


def _images(project: Project) -> list[str]:
    from compose.plan.images import image_of

    return [image_of(project, service) for service in project.services.values()]


def _profiles(project: Project) -> list[str]:
    every = (*project.services.values(), *project.disabled.values())
    return sorted({profile for service in every for profile in service.profiles})


_LISTINGS: dict[str, Callable[[Any], list[str]]] = {
    "services": lambda project: list(project.services),
    "volumes": lambda project: list(project.volumes),
    "networks": lambda project: list(project.networks),
    "images": _images,
    "profiles": _profiles,
    "environment": lambda project: [f"{name}={value}" for name, value in sorted(project.environment.items())],
}
