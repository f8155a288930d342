"""`inspect`: whatever has the name."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click

from compose.cli.engine.asking import ask
from compose.cli.session import Session
from compose.errors import ComposeError
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
@click.option("--type", "kind", type=click.Choice(list(_PLACES)), default=None, help="Only of this kind")
@click.pass_obj
def inspect_command(session: Session, names: tuple[str, ...], kind: str | None) -> None:
    """Print a list of JSON objects, as the engine has them."""
    kinds = (kind,) if kind else tuple(_PLACES)

    async def act(engine: EngineClient) -> list[Any]:
        return [await _found(engine, name, kinds) for name in names]

    found = ask(session, "inspecting", act)
    sys.stdout.write(json.dumps(found, indent=4, ensure_ascii=False) + "\n")


async def _found(engine: EngineClient, name: str, kinds: tuple[str, ...]) -> Any:
    for kind in kinds:
        try:
            return json.loads(await engine.call("GET", _PLACES[kind].format(quoted(name))))
        except ApiError as exc:
            if exc.status != 404:
                raise
    raise ComposeError(f"there is no {' or '.join(kinds)} named {name}")
