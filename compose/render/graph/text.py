"""The services of a project and what they need, as text, for Graphviz and for Mermaid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

from msgspec import Struct

_CONDITIONS = {
    "service_started": "",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}
_COLOURS = {"running": "#2e7d32", "healthy": "#2e7d32", "exited": "#757575", "unhealthy": "#c62828"}
_UNKNOWN = "#546e7a"


class Vertex(Struct, frozen=True):
    """A service; `state` is what its containers do now, empty where nobody knows."""

    name: str
    image: str
    state: str = ""


class Edge(Struct, frozen=True):
    """`dependant` waits until `service` meets the condition."""

    dependant: str
    service: str
    condition: str = "service_started"
    is_required: bool = True

    @property
    def label(self) -> str:
        """What is waited for, in a word."""
        condition = _CONDITIONS.get(self.condition, self.condition)
        return condition if self.is_required else f"{condition} (optional)".strip()


class Drawing(Struct, frozen=True):
    """What is drawn: `layers` are names, those first that depend on nothing."""

    vertices: Mapping[str, Vertex]
    edges: Sequence[Edge]
    layers: Sequence[Sequence[str]]


def graph_json(drawing: Drawing) -> str:
    """`{"services": [...]}` in the order of the layers, each with what it waits for."""
    services = [
        {
            "name": name,
            "image": drawing.vertices[name].image,
            "state": drawing.vertices[name].state,
            "layer": number,
            "waits_for": [
                {"service": edge.service, "condition": edge.condition, "required": edge.is_required}
                for edge in drawing.edges
                if edge.dependant == name
            ],
        }
        for number, layer in enumerate(drawing.layers)
        for name in layer
    ]
    return json.dumps({"services": services}, indent=2, ensure_ascii=False) + "\n"


def graph_text(drawing: Drawing) -> str:
    """A line for each service, those that depend on nothing first, with what it waits for."""
    lines = []
    for layer in drawing.layers:
        for name in layer:
            vertex = drawing.vertices[name]
            needs = [
                edge.service + (f" {edge.label}" if edge.label else "")
                for edge in drawing.edges
                if edge.dependant == name
            ]
            state = f" [{vertex.state}]" if vertex.state else ""
            lines.append(f"{name}{state}" + (f" ← {', '.join(needs)}" if needs else ""))
    return "".join(f"{line}\n" for line in lines)


def graph_dot(drawing: Drawing) -> str:
    """For `dot` of Graphviz."""
    lines = ["digraph project {", "  rankdir=RL;", "  node [shape=box, style=rounded];"]
    for vertex in drawing.vertices.values():
        label = "\\n".join(map(_dot, (vertex.name, vertex.image, *([vertex.state] if vertex.state else []))))
        lines.append(f'  "{_dot(vertex.name)}" [label="{label}", color="{colour(vertex.state)}"];')
    for edge in drawing.edges:
        style = "" if edge.is_required else ", style=dashed"
        lines.append(f'  "{_dot(edge.dependant)}" -> "{_dot(edge.service)}" [label="{_dot(edge.label)}"{style}];')
    return "\n".join([*lines, "}"]) + "\n"


def graph_mermaid(drawing: Drawing) -> str:
    """For Mermaid, which many forges draw inside Markdown."""
    numbers = {name: f"s{number}" for number, name in enumerate(drawing.vertices)}
    lines = ["graph RL"]
    for name, vertex in drawing.vertices.items():
        state = f"<br/>{vertex.state}" if vertex.state else ""
        lines.append(f'  {numbers[name]}["{_mermaid(name)}<br/><small>{_mermaid(vertex.image)}</small>{state}"]')
    for edge in drawing.edges:
        arrow = "-->" if edge.is_required else "-.->"
        label = f"|{edge.label}|" if edge.label else ""
        lines.append(f"  {numbers[edge.dependant]} {arrow}{label} {numbers[edge.service]}")
    return "\n".join(lines) + "\n"


def title(vertex: Vertex) -> str:
    """Its name and what it does."""
    return f"{vertex.name} ({vertex.state})" if vertex.state else vertex.name


def colour(state: str) -> str:
    """Green for what is well, red for what is not."""
    return next((shade for word, shade in reversed(_COLOURS.items()) if word in state), _UNKNOWN)


def _dot(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _mermaid(text: str) -> str:
    return escape(text).replace("#", "#35;")
