"""The graph as docker compose draws it."""

from __future__ import annotations

from compose.model.service import Port
from compose.render.graph.viz import VizOptions, viz
from tests.fakes.projects import make_project, make_service

PROJECT = make_project(
    make_service(
        "web", after={"db": "service_healthy"}, ports=(Port(80, "8080"), Port(53, host_ip="::1", protocol="udp"))
    ),
    make_service("db", network_mode="none"),
)


def test_services_and_what_they_depend_on() -> None:
    assert viz(PROJECT, VizOptions()) == (
        'digraph "app" {\n'
        "\tlayout=dot;\n"
        '\t"web" [style="filled" label=<<font point-size="15">web</font>>];\n'
        '\t"db" [style="filled" label=<<font point-size="15">db</font>>];\n'
        "\n"
        '\t"web" -> "db";\n'
        "}\n\n"
    )


def test_more_is_told_when_asked_for() -> None:
    lines = viz(PROJECT, VizOptions(networks=True, ports=True, image=True, indentation="  ")).splitlines()
    small = '<font point-size="10"><br/><br/>'
    assert lines[2] == (
        '  "web" [style="filled" label=<<font point-size="15">web</font>'
        f"{small}<b>Networks:</b><br/>default</font>"
        f"{small}<b>Ports:</b><br/>8080:80 (tcp, ingress)<br/>::1::53 (udp, ingress)</font>"
        f"{small}<b>Image:</b><br/>tiny:1</font>>];"
    )
    assert "Networks" not in lines[3]
    assert "Ports" not in lines[3]
