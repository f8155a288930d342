"""Listings in docker compose's shapes."""

from __future__ import annotations

import json
from datetime import UTC

import pytest

from compose.plan.observed import ObservedContainer, ObservedMount, ObservedPort
from compose.render.tables import Ps, PsOptions, displayed_ports, ps_json, ps_table, table
from compose.render.units import human_duration, human_size

OPTIONS = PsOptions(now=1_000_090, zone=UTC)
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


def test_ps_prints_docker_composes_columns() -> None:
    header, row = ps_table([Ps(WEB, "healthy")], OPTIONS).splitlines()
    assert header.split() == ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]
    assert row == (
        'shop-web-1   nginx:1.27   "nginx -g \'daemon of…"   web       About a minute ago   Up 3 seconds (healthy)   '
        "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp"
    )
    assert header.index("PORTS") == row.index("0.0.0.0")


def test_ps_without_containers_prints_the_header() -> None:
    assert ps_table([], OPTIONS).split() == ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]


def test_ps_json_is_one_object_per_line_with_docker_composes_fields() -> None:
    lines = ps_json([Ps(WEB, "healthy"), Ps(WEB)], OPTIONS).splitlines()
    assert len(lines) == 2
    found = json.loads(lines[0])
    assert list(found) == sorted(found)
    assert found["Name"] == "shop-web-1"
    assert found["ID"] == "f" * 12
    assert found["Health"] == "healthy"
    assert found["CreatedAt"] == "1970-01-12 13:46:40 +0000 UTC"
    assert found["Publishers"][0] == {"URL": "0.0.0.0", "TargetPort": 80, "PublishedPort": 8080, "Protocol": "tcp"}
    assert found["Project"] == "shop"


def test_neighbouring_ports_are_shown_as_a_range() -> None:
    ports = [ObservedPort(number, number + 1000, "0.0.0.0") for number in (80, 81, 82)] + [
        ObservedPort(90),
        ObservedPort(91),
    ]
    assert displayed_ports(ports) == "0.0.0.0:1080-1082->80-82/tcp, 90-91/tcp"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(["A", "B"], [["long cell", "x"]]) == "A           B\nlong cell   x\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (600, "10 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (3 * 86400, "3 days"),
        (21 * 86400, "3 weeks"),
        (90 * 86400, "3 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_durations_in_dockers_words(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words


def test_sizes_have_a_decimal_unit() -> None:
    assert [human_size(number) for number in (0, 999, 12_345_678)] == ["0B", "999B", "12.35MB"]
