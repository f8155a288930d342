"""What a project asks for and nobody does is told with its place, each kind once."""

from __future__ import annotations

import pytest

from compose.load.checks import unsupported
from compose.load.checks.unsupported import without_effect
from compose.load.rules import compile_rules
from compose.model.support import Rule
from tests.fakes.directory import Directory

PROJECT = """\
services:
  web:
    image: x
    userns_mode: auto
    deploy:
      mode: global
      placement: {constraints: [a==b]}
  db: {image: y, userns_mode: auto, use_api_socket: false, gpus: []}
networks:
  default:
    ipam: {options: {a: b}}
"""


def told(directory: Directory, *services: str, with_docker: bool = False, text: str = PROJECT) -> list[str]:
    found = without_effect(directory.load(text).places.tree, services, with_docker=with_docker)
    return [f"{item.where.line}:{item.where.column} {item.path} {item.more}" for item in found]


def test_each_attribute_without_effect_is_told_once_with_its_first_place(directory: Directory) -> None:
    assert told(directory, "web", "db") == [
        "4:5 services.web.userns_mode 1",
        "6:7 services.web.deploy.mode 0",
        "7:7 services.web.deploy.placement 0",
        "11:12 networks.default.ipam.options 0",
    ]


def test_services_that_do_not_take_part_are_left_out(directory: Directory) -> None:
    assert told(directory, "db") == ["8:18 services.db.userns_mode 0", "11:12 networks.default.ipam.options 0"]


def test_docker_has_less_without_effect(directory: Directory) -> None:
    assert [line.split()[1] for line in told(directory, "web", "db", with_docker=True)] == [
        "services.web.deploy.mode",
        "services.web.deploy.placement",
        "networks.default.ipam.options",
    ]


def test_the_entries_of_a_list_are_looked_at(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = compile_rules({"services.*.volumes.bind.selinux": Rule("no", "yes", "told aloud here")})
    monkeypatch.setattr(unsupported, "_RULES", rules)
    volume = "{type: bind, source: /a, target: /b, bind: {selinux: z}}"
    text = f"services:\n  a:\n    image: x\n    volumes:\n      - {volume}\n"
    assert told(directory, "a", text=text) == ["5:53 services.a.volumes.bind.selinux 0"]


def test_an_ordinary_project_is_told_nothing(directory: Directory) -> None:
    text = "services: {a: {image: x, ports: ['80:80'], volumes: ['/a:/b:z'], logging: {options: {max-size: 1m}}}}\n"
    assert told(directory, "a", text=text) == []


def test_the_message_says_the_place_the_attribute_and_the_reason(directory: Directory) -> None:
    first, *_ = without_effect(directory.load(PROJECT).places.tree, ("web", "db"), with_docker=False)
    assert str(first) == (
        "compose.yaml:4:5: `services.web.userns_mode` has no effect: "
        "containers have the host's users, as with `host` (and in one more place)"
    )
