"""The services of a project and what they need, as a picture (SVG) that is laid out here."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from compose.render.graph.text import Drawing, Edge, Vertex, colour, title

# In pixels.
_BOX_HEIGHT, _CHARACTER, _PADDING, _COLUMN_GAP, _ROW_GAP, _MARGIN = 44, 7.5, 14, 70, 18, 20

Place = tuple[float, float, float]  # left, top and width of a box


def graph_svg(drawing: Drawing) -> str:
    """A picture of its own: a column for each layer, what is needed first on the left."""
    places = _places(drawing)
    width = max((x + w for x, _, w in places.values()), default=0) + _MARGIN
    height = max((y + _BOX_HEIGHT for _, y, _ in places.values()), default=0) + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        'font-family="sans-serif" font-size="13">',
        '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#78909c"/></marker></defs>',
    ]
    parts += [_svg_edge(edge, places) for edge in drawing.edges]
    parts += [_svg_box(drawing.vertices[name], place) for name, place in places.items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _places(drawing: Drawing) -> dict[str, Place]:
    """Left, top and width of every box."""
    places: dict[str, Place] = {}
    left = float(_MARGIN)
    for layer in drawing.layers:
        vertices = [drawing.vertices[name] for name in layer]
        width = max(len(text) for vertex in vertices for text in (title(vertex), vertex.image)) * _CHARACTER
        width += 2 * _PADDING
        for row, vertex in enumerate(vertices):
            places[vertex.name] = (left, float(_MARGIN + row * (_BOX_HEIGHT + _ROW_GAP)), width)
        left += width + _COLUMN_GAP
    return places


def _svg_box(vertex: Vertex, place: Place) -> str:
    x, y, width = place
    left, shade = x + _PADDING, colour(vertex.state)
    return (
        f'<g><rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{_BOX_HEIGHT}" rx="6" fill="white" '
        f'stroke="{shade}" stroke-width="1.5"/>'
        f'<text x="{left:.0f}" y="{y + 18:.0f}" font-weight="bold" fill="{shade}">{escape(title(vertex))}</text>'
        f'<text x="{left:.0f}" y="{y + 35:.0f}" font-size="11" fill="#546e7a">{escape(vertex.image)}</text></g>'
    )


def _svg_edge(edge: Edge, places: Mapping[str, Place]) -> str:
    from_x, from_y, _ = places[edge.dependant]
    x, y, width = places[edge.service]
    start, end = (from_x, from_y + _BOX_HEIGHT / 2), (x + width, y + _BOX_HEIGHT / 2)
    middle = (start[0] + end[0]) / 2
    dashes = "" if edge.is_required else ' stroke-dasharray="5 4"'
    line = (
        f'<path d="M{start[0]:.0f},{start[1]:.0f} C{middle:.0f},{start[1]:.0f} {middle:.0f},{end[1]:.0f} '
        f'{end[0]:.0f},{end[1]:.0f}" fill="none" stroke="#78909c" marker-end="url(#end)"{dashes}/>'
    )
    if not edge.label:
        return line
    text_y = (start[1] + end[1]) / 2 - 4
    return (
        f'{line}<text x="{middle:.0f}" y="{text_y:.0f}" font-size="10" text-anchor="middle">{escape(edge.label)}</text>'
    )
