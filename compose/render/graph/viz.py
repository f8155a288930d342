"""The services as `alpha viz` of docker compose draws them for Graphviz."""

from __future__ import annotations

from msgspec import Struct

from compose.model.project import Project
from compose.model.service import Port, Service
from compose.plan.deciding.survey import networks_of
from compose.plan.images import image_of


class VizOptions(Struct, frozen=True):
    """What is told of each service, and what lines begin with."""

    networks: bool = False
    ports: bool = False
    image: bool = False
    indentation: str = "\t"


def viz(project: Project, options: VizOptions) -> str:
    """The graph, ended by an empty line."""
    lines = [f'digraph "{project.name}" {{', f"{options.indentation}layout=dot;"]
    for service in project.services.values():
        label = f'<font point-size="15">{service.name}</font>{"".join(_details(project, service, options))}'
        lines.append(f'{options.indentation}"{service.name}" [style="filled" label=<{label}>];')
    lines.append("")
    for service in project.services.values():
        lines += [f'{options.indentation}"{service.name}" -> "{other}";' for other in service.depends_on]
    return "".join(f"{line}\n" for line in [*lines, "}", ""])


def _details(project: Project, service: Service, options: VizOptions) -> list[str]:
    found = [
        ("Networks", networks_of(project, service) if options.networks else []),
        ("Ports", [_port(port) for port in service.ports] if options.ports else []),
        ("Image", [image_of(project, service)] if options.image else []),
    ]
    return [
        f'<font point-size="10"><br/><br/><b>{name}:</b><br/>{"<br/>".join(words)}</font>'
        for name, words in found
        if words
    ]


def _port(port: Port) -> str:
    host = f"{port.host_ip}:" if port.host_ip else ""
    return f"{host}{port.published}:{port.target} ({port.protocol}, {port.mode})"
