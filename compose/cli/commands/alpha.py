"""`alpha`: what docker compose tries out. Hidden, as there."""

from __future__ import annotations

import sys

import click

from compose.cli.commands.publish import command as publish_command
from compose.cli.parsing.groups import CommandGroup
from compose.cli.session import Session
from compose.errors import UsageError

command = CommandGroup("alpha", help="Experimental commands of docker compose", hidden=True)
command.add_command(publish_command)


@command.command("viz", help="Draw the services for Graphviz as docker compose does (`graph` draws more)")
@click.option("--ports", is_flag=True, help="With published ports")
@click.option("--networks", is_flag=True, help="With networks")
@click.option("--image", is_flag=True, help="With images")
@click.option("--indentation-size", type=int, default=1, help="How many tabs or spaces lines begin with")
@click.option("--spaces", is_flag=True, help="Spaces instead of tabs")
@click.pass_obj
def viz_command(
    session: Session, ports: bool, networks: bool, image: bool, indentation_size: int, spaces: bool
) -> None:
    """Print the graph."""
    from compose.cli.loading import load_project
    from compose.render.graph.viz import VizOptions, viz

    if indentation_size < 0:
        raise UsageError(f"invalid indentation size: {indentation_size}")
    sys.stderr.write("viz command is EXPERIMENTAL\n")
    indentation = (" " if spaces else "\t") * indentation_size
    project = load_project(session).project
    sys.stdout.write(viz(project, VizOptions(networks, ports, image, indentation)))


@command.command("generate", help="Print a Compose file of containers that are there")
@click.argument("containers", nargs=-1, metavar="CONTAINER...")
@click.option("--name", default="", help="Name of the project")
@click.option("--project-dir", default="", metavar="DIR", help="Changes nothing, as with docker compose")
@click.option("--format", "style", default="yaml", help="yaml or json")
@click.pass_obj
def generate_command(session: Session, containers: tuple[str, ...], name: str, project_dir: str, style: str) -> None:
    """Look at the containers, print the project that they would be."""
    import json

    from compose.apply.generating import generated
    from compose.cli.asynchronous import run_async
    from compose.cli.reaching.connection import connected
    from compose.render.document import as_yaml

    sys.stderr.write("generate command is EXPERIMENTAL\n")
    if not containers:
        raise UsageError("at least one container must be specified")
    if style not in ("yaml", "json"):
        raise UsageError(f"unsupported format `{style}`", hint="use yaml or json")

    async def work() -> None:
        async with connected(session) as engine:
            document = await generated(engine, containers, name)
        text = as_yaml(document) if style == "yaml" else json.dumps(document, indent=2, ensure_ascii=False)
        sys.stdout.write(f"{text}\n")

    run_async(work)
