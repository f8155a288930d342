"""What YAML has and JSON has not, and the other way round; expected values are docker compose's own output."""

from __future__ import annotations

from typing import Any

import pytest

from compose.load.forms.yaml_form import yaml_form
from compose.load.pipeline import Loaded
from tests.fakes.directory import Directory


def shown(loaded: Loaded) -> dict[str, Any]:
    return yaml_form(loaded.document, loaded.places.tree)


def service(directory: Directory, text: str) -> Any:
    return shown(directory.load(f"services: {{a: {{image: x, {text}}}}}"))["services"]["a"]


def test_yaml_has_the_keys_of_the_users_own_wherever_they_may_stand_and_json_only_those_at_the_top(
    directory: Directory,
) -> None:
    text = """
x-top: 1
services:
  a:
    image: x
    x-service: {keep: [null, {}]}
    ports: [{target: 80, x-port: 1}]
    healthcheck: {test: ls, x-check: 1}
    deploy: {x-deploy: 1, resources: {limits: {cpus: 1, x-limits: 1}}}
    networks: {n: {x-use: 1}}
networks: {n: {x-network: 1, ipam: {x-ipam: 1, config: [{subnet: 10.0.0.0/8, x-lost: 1}]}}}
"""
    loaded = directory.load(text)
    form = shown(loaded)
    described = form["services"]["a"]
    assert described["x-service"] == {"keep": [None, {}]}
    assert described["ports"] == [{"mode": "ingress", "target": 80, "protocol": "tcp", "x-port": 1}]
    assert described["healthcheck"] == {"test": ["CMD-SHELL", "ls"], "x-check": 1}
    assert described["deploy"] == {"resources": {"limits": {"cpus": 1, "x-limits": 1}}, "x-deploy": 1}
    assert described["networks"] == {"n": {"x-use": 1}}
    assert form["networks"]["n"]["ipam"] == {"config": [{"subnet": "10.0.0.0/8"}], "x-ipam": 1}
    assert form["networks"]["n"]["x-network"] == 1
    assert form["x-top"] == loaded.document["x-top"] == 1
    assert "x-service" not in loaded.document["services"]["a"]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("x-t: null", "x-t", None),
        ("x-t: a$$b", "x-t", "a$$b"),
        ("x-t: 2001-01-01", "x-t", "2001-01-01T00:00:00Z"),
        ("ulimits: {core: {soft: 0, hard: 0}}", "ulimits", {"core": {"soft": 0, "hard": 0}}),
        ("ulimits: {core: {soft: 0, hard: 1, x-t: 1}}", "ulimits", {"core": {"soft": 0, "hard": 1}}),
        ("ulimits: {core: 3}", "ulimits", {"core": 3}),
        ("post_start: [{command: null}]", "post_start", [{}]),
        ("pre_stop: [{command: []}]", "pre_stop", [{"command": []}]),
        (
            "blkio_config: {weight_device: [{path: /d, weight: 4}], device_read_bps: [{path: /d, rate: 5}]}",
            "blkio_config",
            {"weight_device": [{"path": "/d", "weight": 4}], "device_read_bps": [{"path": "/d", "rate": "5"}]},
        ),
    ],
)
def test_an_attribute_is_written_as_docker_compose_writes_it_in_yaml(
    directory: Directory, text: str, name: str, expected: object
) -> None:
    described = service(directory, text)
    assert name in described
    assert described[name] == expected


def test_what_json_has_although_it_is_not_set_is_not_in_yaml(directory: Directory) -> None:
    form = shown(
        directory.load(
            "services: {a: {image: x, build: {context: .}, deploy: {mode: global}, "
            "develop: {watch: [{path: /src, action: rebuild}]}}}"
        )
    )
    described = form["services"]["a"]
    assert "command" not in described
    assert "entrypoint" not in described
    assert described["deploy"] == {"mode": "global"}
    assert described["develop"] == {"watch": [{"path": "/src", "action": "rebuild"}]}
    assert "ipam" not in form["networks"]["default"]
