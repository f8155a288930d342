"""`bridge`: the project as other models have it, made by transformations, which are images."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from compose.cli.parsing.groups import CommandGroup
from compose.cli.session import Session

command = CommandGroup("bridge", help="Convert the project into another model, such as Kubernetes'")
transformations = CommandGroup("transformations", help="Transformations: images that convert projects")
command.add_command(transformations)


@command.command("convert", help="Convert the project by transformations")
@click.option("-o", "--output", default="out", metavar="DIR", help="Where the result goes; what is there is removed")
@click.option(
    "-t",
    "--transformation",
    "images",
    multiple=True,
    metavar="IMAGE",
    help="Transformation to use instead of docker/compose-bridge-kubernetes, repeatable",
)
@click.option("--templates", default="", metavar="DIR", help="Templates instead of those of the transformation")
@click.pass_obj
def convert_command(session: Session, output: str, images: tuple[str, ...], templates: str) -> int:  # fmt: skip
    """Run the transformations one after the other; the first that fails gives the exit code."""
    from compose.cli.asynchronous import run_async
    from compose.cli.loading import load_project
    from compose.cli.pointing import pointing
    from compose.cli.sharing.bridging import BridgeRequest, convert

    loaded = load_project(session)
    request = BridgeRequest(session.cwd / output, images, session.cwd / templates if templates else None)
    with pointing(loaded.places):
        return run_async(lambda: convert(session, loaded, request))


@transformations.command("list", help="List the transformations that are here")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", help="table or json")
@click.option("-q", "--quiet", is_flag=True, help="Only names")
@click.pass_obj
def list_command(session: Session, style: str, quiet: bool) -> None:
    """Print a line per image."""
    from compose.apply.programs.transforming import transformers
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected
    from compose.render.listings.transformers import transformers_json, transformers_table

    async def work() -> None:
        async with connected(session) as engine:
            found = await transformers(engine)
        if quiet:
            text = "".join(f"{item.name or item.id}\n" for item in found)
        else:
            text = transformers_json(found) if style == "json" else transformers_table(found)
        sys.stdout.write(text)

    run_async(work)


transformations.add_command(list_command, "ls")


@transformations.command("create", help="Begin a transformation of one's own with the templates of another")
@click.argument("path", metavar="PATH")
@click.option(
    "-f",
    "--from",
    "image",
    default="docker/compose-bridge-kubernetes",
    metavar="IMAGE",
    help="Transformation to copy instead of docker/compose-bridge-kubernetes",
)
@click.pass_obj
def create_command(session: Session, path: str, image: str) -> None:  # fmt: skip
    """Make a directory with the templates and a Dockerfile."""
    from compose.apply.programs.transforming import copy_templates
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected

    target = Path(session.cwd / path)

    async def work() -> None:
        async with connected(session) as engine:
            await copy_templates(engine, image, target)
        sys.stdout.write(f'Transformer created in "{target}"\n')

    run_async(work)
