"""Drawings of a project."""

from __future__ import annotations

from xml.etree import ElementTree

from compose.render.graph.svg import graph_svg
from compose.render.graph.text import Drawing, Edge, Vertex, graph_dot, graph_mermaid, graph_text

SHOP = Drawing(
    {
        "web": Vertex("web", 'shop/"web"', "unhealthy"),
        "db": Vertex("db", "postgres:16", "healthy"),
        "cache": Vertex("cache", "redis"),
    },
    [Edge("web", "db", "service_healthy"), Edge("web", "cache", "service_started", is_required=False)],
    [["db", "cache"], ["web"]],
)


def test_text_has_a_line_for_each_service_in_the_order_of_their_starts() -> None:
    assert graph_text(SHOP) == "db [healthy]\ncache\nweb [unhealthy] ← db healthy, cache (optional)\n"


def test_dot_names_nodes_and_edges() -> None:
    text = graph_dot(SHOP)
    assert r'"web" [label="web\nshop/\"web\"\nunhealthy", color="#c62828"];' in text
    assert '"web" -> "db" [label="healthy"];' in text
    assert '"web" -> "cache" [label="(optional)", style=dashed];' in text


def test_mermaid_escapes_what_has_a_meaning_there() -> None:
    assert graph_mermaid(SHOP).splitlines() == [
        "graph RL",
        '  s0["web<br/><small>shop/&quot;web&quot;</small><br/>unhealthy"]',
        '  s1["db<br/><small>postgres:16</small><br/>healthy"]',
        '  s2["cache<br/><small>redis</small>"]',
        "  s0 -->|healthy| s1",
        "  s0 -.->|(optional)| s2",
    ]


def test_the_picture_is_svg_in_which_no_two_boxes_overlap() -> None:
    root = ElementTree.fromstring(graph_svg(SHOP))
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 3
    for number, (x, y, width, height) in enumerate(boxes):
        assert x + width <= float(root.attrib["width"])
        assert y + height <= float(root.attrib["height"])
        for left, top, _, _ in boxes[number + 1 :]:
            assert left >= x + width or top >= y + height
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) == 3  # two edges, and the tip of an arrow


def test_a_project_without_services_is_drawn_empty() -> None:
    nothing = Drawing({}, [], [])
    assert graph_text(nothing) == ""
    assert graph_svg(nothing).startswith("<svg")
