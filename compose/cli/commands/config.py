"""`config`: check the Compose files and print what they mean."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from compose.cli.config.listings import listing_of
from compose.cli.loading import load_project, warn_without_effect
from compose.cli.session import Session
from compose.cli.terminal import write_text
from compose.errors import UsageError

if TYPE_CHECKING:
    from compose.load.pipeline import Loaded


@click.command("config", help="Check the Compose files and print the project they make")
@click.argument("chosen", nargs=-1, metavar="[SERVICE...]")
@click.option("--format", "style", default="", help="yaml or json")
@click.option("-q", "--quiet", is_flag=True, help="Only check")
@click.option("-o", "--output", default="", metavar="FILE", help="Write to a file")
@click.option("--services", "services_only", is_flag=True, help="Print the names of the services")
@click.option("--volumes", is_flag=True, help="Print the names of the volumes")
@click.option("--networks", is_flag=True, help="Print the names of the networks")
@click.option("--models", is_flag=True, help="Print the models")
@click.option("--images", is_flag=True, help="Print the images")
@click.option("--profiles", is_flag=True, help="Print the profiles")
@click.option("--environment", is_flag=True, help="Print the variables of the interpolation")
@click.option("--variables", is_flag=True, help="Print the variables that the files use, and their defaults")
@click.option("--origins", is_flag=True, help="Print where each value comes from")
@click.option("--hash", default="", metavar="SERVICES", help="Print the hashes of services (* is all)")
@click.option("--resolve-image-digests", is_flag=True, help="Pin the images to their digests")
@click.option("--lock-image-digests", is_flag=True, help="Print an override file with the images' digests")
@click.option("--no-interpolate", is_flag=True, help="Leave variables as they are")
@click.option("--no-normalize", is_flag=True, help="Add no defaults")
@click.option("--no-path-resolution", is_flag=True, help="Leave relative paths")
@click.option("--no-consistency", is_flag=True, help="Do not check references")
@click.option("--no-env-resolution", is_flag=True, help="Changes nothing, as with docker compose")
@click.pass_obj
def command(session: Session, /, **options: Any) -> None:
    """Load the project and print it."""
    listing = listing_of(options)
    if listing is not None:
        loaded = _load(session, options, selects=listing.selects, check_names=False, **listing.switches)
        lines = [f"{line}\n" for line in listing.show(loaded, options)]
        if not (options["quiet"] and listing.is_hushed):
            sys.stdout.writelines(lines)
        return
    style = options["style"] or "yaml"
    if style not in ("yaml", "json"):
        raise UsageError(f"unsupported format `{style}`", hint="use yaml or json")
    loaded = _load(session, options, selects=True)
    if not options["no_interpolate"]:
        warn_without_effect(session, loaded, loaded.project.services)
    text = _text(session, loaded, options, style)
    if not options["quiet"]:
        _write(session, text, options["output"])


def _load(session: Session, options: Mapping[str, Any], *, selects: bool, **switches: bool) -> Loaded:
    """The project as the flags want it; the document as written has all services, whatever the arguments."""
    flags = {
        "interpolate": not options["no_interpolate"],
        "normalise": not options["no_normalize"],
        "resolve_paths": not options["no_path_resolution"],
        "check": not options["no_consistency"],
    }
    return load_project(session, **{**flags, **switches}, select=options["chosen"] if selects else ())


def _text(session: Session, loaded: Loaded, options: Mapping[str, Any], style: str) -> str:
    document = dict(loaded.document)
    if options["resolve_image_digests"] or options["lock_image_digests"]:
        from compose.cli.config.digests import locked, with_digests

        document = with_digests(session, document)
        if options["lock_image_digests"]:
            document = locked(document, is_interpolated=not options["no_interpolate"])
    if options["origins"]:
        from compose.render.origins import render_origins

        return render_origins(document, loaded.places.origins, as_json=style == "json")
    if style == "json":
        return _json(document, options)
    from compose.render.document import as_yaml
    from compose.render.ordering import in_order, sorted_through

    if options["no_interpolate"]:
        return as_yaml(sorted_through(document))
    from compose.load.forms.yaml_form import yaml_form

    return as_yaml(in_order(yaml_form(document, loaded.places.tree)))


def _json(document: dict[str, Any], options: Mapping[str, Any]) -> str:
    from compose.load.forms.nulls import with_nulls
    from compose.render.document import as_json
    from compose.render.ordering import in_order, sorted_through

    is_interpolated, is_normalised = not options["no_interpolate"], not options["no_normalize"]
    if is_interpolated:
        document.pop("models", None)  # the reference leaves them out of JSON
    document = with_nulls(document, is_interpolated=is_interpolated, is_normalised=is_normalised)
    return as_json(dict(sorted(in_order(document).items())) if is_interpolated else sorted_through(document))


def _write(session: Session, text: str, output: str) -> None:
    if not output:
        sys.stdout.write(text)
        return
    write_text(session.cwd / output, text)
