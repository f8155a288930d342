"""`inspect`: whatever has the name."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click

from compose.cli.engine.asking import ask
from compose.cli.session import Session
from compose.errors import ComposeError, UsageError
from compose.render.listings.formats import inspection
from compose.render.template.errors import TemplateError
from engine.client import ApiError, EngineClient
from engine.wire.http import quoted

# Where a name is looked for, in Docker's order.
_PLACES: Final = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}


@click.command("inspect", help="Show everything about containers, images, networks and volumes")
@click.argument("names", nargs=-1, required=True)
@click.option("-f", "--format", "form", default="", help="json or a Go template")
@click.option("-s", "--size", is_flag=True, help="How much a container takes as well")
@click.option("--type", "kind", type=click.Choice(list(_PLACES)), default=None, help="Only of this kind")
@click.pass_obj
def inspect_command(session: Session, names: tuple[str, ...], form: str, size: bool, kind: str | None) -> None:
    """Print a list of JSON objects, as the engine has them, or what a template makes of each.

    What is there is printed, whatever is not.
    """
    kinds = (kind,) if kind else tuple(_PLACES)

    async def act(engine: EngineClient) -> tuple[list[Any], list[ComposeError]]:
        found, errors = [], []
        for name in names:
            try:
                found.append(await _found(engine, name, kinds, size=size))
            except ComposeError as exc:
                errors.append(exc)
        return found, errors

    found, errors = ask(session, "inspecting", act)
    try:
        sys.stdout.write(inspection(form, found))
    except TemplateError as exc:
        raise UsageError(f"--format: {exc}") from exc
    if errors:
        raise errors[0] if len(errors) == 1 else ExceptionGroup("inspecting", errors)


async def _found(engine: EngineClient, name: str, kinds: tuple[str, ...], *, size: bool) -> Any:
    for kind in kinds:
        parameters = {"size": size and kind == "container"}
        try:
            return json.loads(await engine.call("GET", _PLACES[kind].format(quoted(name)), parameters))
        except ApiError as exc:
            if exc.status != 404:
                raise
    raise ComposeError(f"there is no {' or '.join(kinds)} named {name}")
