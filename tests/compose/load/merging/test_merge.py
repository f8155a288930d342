from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.directory import Directory


def merged(directory: Directory, base: str, overlay: str, section: str = "services") -> Any:
    directory.write("base.yaml", base)
    directory.write("overlay.yaml", overlay)
    return directory.load(files=("base.yaml", "overlay.yaml")).document[section]


def service(directory: Directory, base: str, overlay: str) -> dict[str, Any]:
    result: dict[str, Any] = merged(
        directory, f"services: {{app: {{image: a, {base}}}}}\n", f"services: {{app: {{{overlay}}}}}\n"
    )["app"]
    return result


@pytest.mark.parametrize(
    ("key", "base", "overlay", "result"),
    [
        ("image", "hostname: x", "image: b", "b"),
        ("command", "command: [a, b]", "command: [c]", ["c"]),
        ("command", "command: [a, b]", "command: ~", None),
        ("cap_add", "cap_add: [A]", "cap_add: [B, A]", ["A", "B"]),
        ("dns", "dns: 1.1.1.1", "dns: [2.2.2.2]", ["1.1.1.1", "2.2.2.2"]),
        ("environment", "environment: [A=1, B=1]", "environment: {B: 2, C: 2}", {"A": "1", "B": "2", "C": "2"}),
        ("labels", "labels: {a: 1}", "labels: [a=2, b=2]", {"a": "2", "b": "2"}),
        ("labels", "labels: [a=1]", "labels: {b: [{}]}", {"a": "1", "b": "map[]"}),
        ("expose", "expose: [80]", "expose: ['80', 81]", ["80", "81"]),
        ("tmpfs", "tmpfs: /a", "tmpfs: [/b, /a]", ["/a", "/b"]),
        ("extra_hosts", "extra_hosts: [a=1.1.1.1]", "extra_hosts: {a: 1.1.1.1, b: '::1'}", ["a=1.1.1.1", "b=::1"]),
        (
            "ulimits",
            "ulimits: {nofile: 1}",
            "ulimits: {nofile: {soft: 2, hard: 3}}",
            {"nofile": {"soft": 2, "hard": 3}},
        ),
        (
            "logging",
            "logging: {driver: a, options: {x: 1}}",
            "logging: {options: {y: 2}}",
            {"driver": "a", "options": {"x": "1", "y": "2"}},
        ),
        (
            "logging",
            "logging: {driver: a, options: {x: 1}}",
            "logging: {driver: b}",
            {"driver": "b"},
        ),
        (
            "healthcheck",
            "healthcheck: {test: [CMD, a], retries: 1}",
            "healthcheck: {test: b}",
            {"test": ["CMD-SHELL", "b"], "retries": 1},
        ),
    ],
)
def test_each_attribute_is_merged_by_its_own_rule(
    directory: Directory, key: str, base: str, overlay: str, result: object
) -> None:
    assert service(directory, base, overlay)[key] == result


def test_ports_join_and_the_same_port_is_kept_once(directory: Directory) -> None:
    ports = service(directory, "ports: ['80:80', '81:81']", "ports: [{target: 80, published: '80'}, '82:82']")["ports"]
    assert [(port["published"], port["target"]) for port in ports] == [("80", 80), ("81", 81), ("82", 82)]


def test_a_mount_replaces_the_one_with_the_same_target(directory: Directory) -> None:
    mounts = service(directory, "volumes: ['/a:/x', '/b:/y']", "volumes: ['/c:/x:ro']")["volumes"]
    assert [(mount["source"], mount["target"]) for mount in mounts] == [("/c", "/x"), ("/b", "/y")]


def test_dependencies_in_both_forms_are_merged(directory: Directory) -> None:
    others = "services: {app: {image: a, depends_on: [b, c]}, b: {image: b}, c: {image: c}}\n"
    overlay = "services: {app: {depends_on: {c: {condition: service_healthy}}}}\n"
    assert merged(directory, others, overlay)["app"]["depends_on"] == {
        "b": {"condition": "service_started", "required": True},
        "c": {"condition": "service_healthy", "required": True},
    }


def test_a_build_in_both_forms_is_merged(directory: Directory) -> None:
    build = service(directory, "build: /src", "build: {target: prod, args: [A=1]}")["build"]
    assert build == {"context": "/src", "dockerfile": "Dockerfile", "target": "prod", "args": {"A": "1"}}


def test_address_pools_are_matched_by_subnet(directory: Directory) -> None:
    base = "services: {a: {image: a}}\nnetworks: {default: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}\n"
    overlay = "networks: {default: {ipam: {config: [{subnet: 10.1.0.0/24, gateway: 10.1.0.9}]}}}\n"
    pools = merged(directory, base, overlay, "networks")["default"]["ipam"]["config"]
    assert pools == [{"subnet": "10.1.0.0/24", "gateway": "10.1.0.9"}]


def test_a_star_resets_all_entries(directory: Directory) -> None:
    directory.write(
        "base.yaml", "x-a: {b: 1}\nservices: {app: {image: a, labels: {A: '1'}, environment: {A: 1, B: 2}}}\n"
    )
    directory.write("more.yaml", "x-a: {'*': !reset 0}\nservices: {app: {environment: {'*': !reset ''}}}\n")
    document = directory.load(files=("base.yaml", "more.yaml")).document
    assert document["x-a"] == {}
    assert document["services"]["app"].get("environment") is None
    assert document["services"]["app"]["labels"] == {"A": "1"}


def test_reset_removes_what_earlier_files_said(directory: Directory) -> None:
    result = service(
        directory, "ports: ['80:80'], environment: {A: 1, B: 1}", "ports: !reset [], environment: {A: !reset ''}"
    )
    assert "ports" not in result
    assert result["environment"] == {"B": "1"}


def test_override_replaces_instead_of_joining(directory: Directory) -> None:
    result = service(directory, "ports: ['80:80']", "ports: !override ['81:81']")
    assert [port["target"] for port in result["ports"]] == [81]


def test_several_documents_of_one_file_are_merged_in_order(directory: Directory) -> None:
    loaded = directory.load("services: {a: {image: a, cap_add: [A]}}\n---\nservices: {a: {cap_add: [B]}}\n")
    assert loaded.document["services"]["a"]["cap_add"] == ["A", "B"]


def test_a_list_cannot_be_overridden_by_something_else(directory: Directory) -> None:
    directory.write("base.yaml", "services: {app: {image: a, security_opt: [x]}}\n")
    directory.write("overlay.yaml", "services:\n  app:\n    security_opt: {y: 1}\n")
    problem = directory.problems(files=("base.yaml", "overlay.yaml"))[0]
    assert str(problem.where) == "overlay.yaml:3:19"
    assert problem.message.startswith("services.app.security_opt cannot be overridden")


def test_problems_are_placed_in_the_file_that_wrote_them(directory: Directory) -> None:
    directory.write("base.yaml", "services:\n  app:\n    image: a\n    tty: [1]\n")
    directory.write("overlay.yaml", "services:\n  app:\n    hostname: 5\n")
    problems = directory.problems(files=("base.yaml", "overlay.yaml"))
    assert [str(problem.where) for problem in problems] == ["base.yaml:4:10", "overlay.yaml:3:15"]


@pytest.mark.parametrize(
    ("overlay", "place"),
    [
        ("expose: [1.5]", "1:27"),
        ("services: ~", None),
        ("volumes: [{type: tmpfs}]", "1:28"),
        ("devices: [{source: /a}]", "1:28"),
        ("env_file: [{required: false}]", "1:29"),
    ],
)
def test_an_entry_without_an_identity_is_refused(directory: Directory, overlay: str, place: str | None) -> None:
    directory.write("base.yaml", "services: {app: {image: a}}\n")
    directory.write("overlay.yaml", f"{overlay}\n" if place is None else f"services: {{app: {{{overlay}}}}}\n")
    (problem,) = directory.problems(files=("base.yaml", "overlay.yaml"))
    assert place is None or str(problem.where) == f"overlay.yaml:{place}"
