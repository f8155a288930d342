"""The fields of containers in `ps`, and its formats."""

from __future__ import annotations

import json
from datetime import UTC

import pytest

from compose.plan.observed import ObservedContainer, ObservedMount, ObservedPort
from compose.render.listings.formats import listing
from compose.render.listings.ps import COLUMNS, Wording, ps_record
from compose.render.template.errors import TemplateError

WORDING = Wording(now=1_000_090, zone=UTC)
WEB = ObservedContainer(
    id="f" * 64,
    name="shop-web-1",
    service="web",
    image="nginx:1.27",
    command="nginx -g 'daemon off; and more'",
    created=1_000_000,
    status="Up 3 seconds (healthy)",
    ports=(ObservedPort(80, 8080, "0.0.0.0"), ObservedPort(80, 8080, "::"), ObservedPort(443)),
    networks={"shop_front": "id"},
    mounts=(ObservedMount("volume", "/data", "shop_data"),),
    labels={"com.docker.compose.project": "shop"},
)


def ps(*containers: ObservedContainer, form: str = "") -> str:
    return listing(form, [ps_record(item, WORDING) for item in containers], COLUMNS)


def test_ps_prints_docker_composes_columns() -> None:
    header, row = ps(WEB).splitlines()
    assert header.split() == ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]
    assert row == (
        'shop-web-1   nginx:1.27   "nginx -g \'daemon of…"   web       About a minute ago   Up 3 seconds (healthy)   '
        "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp"
    )
    assert header.index("PORTS") == row.index("0.0.0.0")


def test_ps_without_containers_prints_the_header() -> None:
    assert ps().split() == ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]


def test_ps_json_is_one_object_per_line_with_docker_composes_fields() -> None:
    lines = ps(WEB, WEB, form="json").splitlines()
    assert len(lines) == 2
    found = json.loads(lines[0])
    assert list(found) == sorted(found)
    assert found["Name"] == "shop-web-1"
    assert found["ID"] == "f" * 12
    assert found["Health"] == "healthy"
    assert found["CreatedAt"] == "1970-01-12 13:46:40 +0000 UTC"
    assert found["Publishers"][0] == {"URL": "0.0.0.0", "TargetPort": 80, "PublishedPort": 8080, "Protocol": "tcp"}
    assert found["Project"] == "shop"


@pytest.mark.parametrize(
    ("status", "state", "health", "exit_code"),
    [
        ("Up 2 minutes (healthy)", "running", "healthy", 0),
        ("Up 2 seconds (health: starting)", "running", "starting", 0),
        ("Up 2 seconds (unhealthy)", "running", "unhealthy", 0),
        ("Up 2 minutes (Paused)", "paused", "", 0),
        ("Exited (137) 3 seconds ago", "exited", "", 137),
        ("Created", "created", "", 0),
    ],
)
def test_health_and_exit_code_are_read_from_the_status(status: str, state: str, health: str, exit_code: int) -> None:
    container = ObservedContainer("f" * 64, "app-web-1", "web", state=state, status=status)
    fields = ps_record(container, WORDING).fields
    assert (fields["Health"], fields["ExitCode"]) == (health, exit_code)


def test_a_template_prints_a_line_for_each_container() -> None:
    form = r'{{.Name}}\t{{.Label "com.docker.compose.project"}}\t{{range .Publishers}}{{.PublishedPort}} {{end}}'
    assert ps(WEB, form=form) == "shop-web-1\tshop\t8080 8080 0 \n"


def test_a_table_of_a_template_has_headers() -> None:
    form = r'table {{.Service}}\t{{upper .State}}\t{{.Label "com.docker.compose.project"}}'
    assert ps(WEB, form=form) == "SERVICE   STATE     project\nweb       RUNNING   shop\n"


def test_a_field_that_there_is_not_is_named_with_those_there_are() -> None:
    with pytest.raises(TemplateError, match="there is no field `Nmae`, only Command, CreatedAt"):
        ps(WEB, form="{{.Nmae}}")
