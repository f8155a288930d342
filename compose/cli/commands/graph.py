"""`graph`: draw the services and what they need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from compose.cli.parsing.arguments import services_argument
from compose.cli.session import Session

if TYPE_CHECKING:
    from compose.model.project import Project


@click.command("graph", help="Draw the services and what they wait for")
@services_argument()
@click.option(
    "--format", "style", type=click.Choice(["text", "dot", "mermaid", "svg", "json"]), default="text", help="How"
)
@click.option("--live/--no-live", "is_live", default=True, help="With what the containers do now")
@click.option("-o", "--output", default="", metavar="FILE", help="Write to a file")
@click.pass_obj
def command(session: Session, services: tuple[str, ...], style: str, is_live: bool, output: str) -> None:
    """Draw the graph."""
    from compose.cli.terminal import write_text
    from compose.cli.up.options import load_selected
    from compose.graph.graph import start_layers
    from compose.plan.images import image_of
    from compose.render.graph.svg import graph_svg
    from compose.render.graph.text import Drawing, Edge, Vertex, graph_dot, graph_json, graph_mermaid, graph_text

    project, _ = load_selected(session, services)
    states = _states(session, project) if is_live else {}
    drawing = Drawing(
        {
            name: Vertex(
                name,
                f"provider {service.provider.type}" if service.provider else image_of(project, service),
                states.get(name, ""),
            )
            for name, service in project.services.items()
        },
        [
            Edge(name, other, wish.condition, wish.required)
            for name, service in project.services.items()
            for other, wish in service.depends_on.items()
            if other in project.services
        ],
        start_layers(project),
    )
    draw = {"text": graph_text, "dot": graph_dot, "mermaid": graph_mermaid, "svg": graph_svg, "json": graph_json}[style]
    text = draw(drawing)
    if output:
        write_text(session.cwd / output, text)
    else:
        sys.stdout.write(text)


def _states(session: Session, project: Project) -> dict[str, str]:
    """What the containers of each service do, in the engine's words: `running`, `2 running, 1 exited`, `unhealthy`."""
    from collections import Counter

    from compose.cli.reaching.containers import project_containers
    from compose.render.listings.ps import health_of

    found: dict[str, Counter[str]] = {}
    for item in project_containers(session, project.name):
        if not item.is_one_off:
            found.setdefault(item.service, Counter())[health_of(item) or item.state] += 1
    return {
        name: next(iter(counts)) if counts.total() == 1 else ", ".join(f"{n} {state}" for state, n in counts.items())
        for name, counts in found.items()
    }
