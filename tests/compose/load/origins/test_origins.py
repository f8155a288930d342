"""Every value of the document knows what gave it."""

from __future__ import annotations

import json

import pytest

from compose.load.pipeline import Loaded
from compose.render.origins import in_words, origins_json, origins_text
from tests.fakes.directory import Directory

HEAD = "services:\n  app:\n    image: alpine\n"
SHELL = {"HOME": "/root", "FROM_SHELL": "1"}


def told(loaded: Loaded, path: str) -> str:
    """Return the origins of the value at a dotted path, in words."""
    steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
    value = loaded.document
    for step in steps:
        value = value[step]  # type: ignore[index]  # an index of a list is one of a mapping to mypy
    return in_words(loaded.places.origins(steps, value))


@pytest.mark.parametrize(
    ("attribute", "path", "expected"),
    [
        ("user: me", "user", "compose.yaml:4:11"),
        ('ports: ["8080:80"]', "ports.0.target", "compose.yaml:4:13"),
        ('ports: ["8080:80"]', "ports.0.published", "compose.yaml:4:13"),
        ('ports: ["8080:80"]', "ports.0.protocol", "default (the usual protocol of a port) at compose.yaml:4:13"),
        ('ports: ["8080:80/udp"]', "ports.0.protocol", "compose.yaml:4:13"),
        ("ports: [{target: 80}]", "ports.0.target", "compose.yaml:4:22"),
        ("ports: [{target: 80}]", "ports.0.mode", "default (the usual mode of a port) at compose.yaml:4:13"),
        ("volumes: [/a:/b:ro]", "volumes.0.source", "compose.yaml:4:15"),
        ("volumes: [/a:/b:ro]", "volumes.0.read_only", "compose.yaml:4:15"),
        ("environment: [A=1, B=2]", "environment.B", "compose.yaml:4:24"),
        ("environment: {A: 1}", "environment.A", "compose.yaml:4:22"),
        ("labels: [A=1, B=2]", "labels.B", "compose.yaml:4:19"),
        ('extra_hosts: ["b:1.1.1.1", "a:2.2.2.2"]', "extra_hosts.0", "compose.yaml:4:32"),
        ("extra_hosts: {b: 1.1.1.1, a: 2.2.2.2}", "extra_hosts.0", "compose.yaml:4:34"),
        ("command: echo hi", "command.1", "compose.yaml:4:14"),
        ("command: [echo, hi]", "command.1", "compose.yaml:4:21"),
        ("stop_grace_period: 90s", "stop_grace_period", "compose.yaml:4:24"),
        ("build: .", "build.context", "compose.yaml:4:12"),
        ("build: .", "build.dockerfile", "default (the usual file of a build) at compose.yaml:4:12"),
        ("scale: 2\n    deploy: {}", "deploy.replicas", "implied (scale) at compose.yaml:4:12"),
        ("init: true", "command", "default (that of the image)"),
        ("init: true", "networks.default", "implied (default network)"),
    ],
)
def test_a_value_is_from_where_it_is_written_or_from_a_rule(
    directory: Directory, attribute: str, path: str, expected: str
) -> None:
    assert told(directory.load(f"{HEAD}    {attribute}\n"), f"services.app.{path}") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${FROM_FILE}", ".env:2:1 (FROM_FILE) in compose.yaml:4:11"),
        ("$FROM_SHELL-$FROM_FILE", "shell (FROM_SHELL), .env:2:1 (FROM_FILE) in compose.yaml:4:11"),
        ("${NOBODY:-x}", "default of NOBODY in compose.yaml:4:11"),
        ("a${NOBODY}", "NOBODY is not set in compose.yaml:4:11"),
        ("${FROM_SHELL:-${FROM_FILE}}", "shell (FROM_SHELL) in compose.yaml:4:11"),
        ("${NOBODY-${FROM_FILE}}", "default of NOBODY, .env:2:1 (FROM_FILE) in compose.yaml:4:11"),
        ("${FROM_FILE:+x}", ".env:2:1 (FROM_FILE) in compose.yaml:4:11"),
        ("a$$b", "compose.yaml:4:11"),
    ],
)
def test_a_variable_is_named_with_what_set_it_if_the_value_depends_on_it(
    directory: Directory, text: str, expected: str
) -> None:
    directory.write(".env", "# first\nFROM_FILE=2\nFROM_SHELL=other\n")
    loaded = directory.load(f"{HEAD}    user: '{text}'\n".replace("'", ""), environment=SHELL)
    assert told(loaded, "services.app.user") == expected


def test_of_a_short_form_only_the_part_with_the_variable_comes_from_it(directory: Directory) -> None:
    directory.write(".env", "PORT=80\n")
    loaded = directory.load(f'{HEAD}    ports: ["$PORT:80"]\n')
    assert told(loaded, "services.app.ports.0.published") == ".env:1:1 (PORT) in compose.yaml:4:13"
    assert told(loaded, "services.app.ports.0.target") == "compose.yaml:4:13"


def test_the_env_file_option_takes_the_place_of_dot_env_and_the_last_file_wins(directory: Directory) -> None:
    directory.write("a.env", "A=1\nB=1\n")
    directory.write("b.env", "\nB=2\n")
    loaded = directory.load(f"{HEAD}    user: $A\n    hostname: $B\n", env_files=("a.env", "b.env"))
    assert told(loaded, "services.app.user") == "a.env:1:1 (A) in compose.yaml:4:11"
    assert told(loaded, "services.app.hostname") == "b.env:2:1 (B) in compose.yaml:5:15"


def test_variables_of_a_services_env_file_come_from_their_lines(directory: Directory) -> None:
    directory.write("a.env", "A=1\nB=1\n")
    directory.write("b.env", "# b\nexport B='\n2'\nC=3\n")
    directory.write("raw.env", "D='4\n")
    loaded = directory.load(
        f"{HEAD}    env_file: [a.env, b.env, {{path: raw.env, format: raw}}]\n    environment: [C=own, FROM_SHELL]\n",
        environment=SHELL,
    )
    assert told(loaded, "services.app.environment.A") == "a.env:1:1 (A) in compose.yaml:4:16"
    assert told(loaded, "services.app.environment.B") == "b.env:2:1 (B) in compose.yaml:4:23"
    assert told(loaded, "services.app.environment.C") == "compose.yaml:5:19"
    assert told(loaded, "services.app.environment.D") == "raw.env:1:1 (D) in compose.yaml:4:30"
    assert told(loaded, "services.app.environment.FROM_SHELL") == "shell (FROM_SHELL) in compose.yaml:5:26"


def test_labels_of_a_label_file_come_from_their_lines(directory: Directory) -> None:
    directory.write("labels", "a=1\nb=2\n")
    loaded = directory.load(f"{HEAD}    label_file: labels\n")
    assert told(loaded, "services.app.labels.b") == "labels:2:1 (b) in compose.yaml:4:17"


def test_what_an_alias_or_a_merge_key_brings_is_from_its_anchor(directory: Directory) -> None:
    loaded = directory.load("x-a: &a\n  user: me\nx-b: &b web\nservices:\n  app:\n    <<: *a\n    image: *b\n")
    assert told(loaded, "services.app.user") == "compose.yaml:2:9"
    assert told(loaded, "services.app.image") == "compose.yaml:3:6"


def test_of_several_files_the_last_writer_counts_and_items_of_lists_keep_their_places(directory: Directory) -> None:
    directory.write("b.yaml", "services:\n  app:\n    user: you\n    dns: [2.2.2.2]\n")
    loaded = directory.load(f"{HEAD}    user: me\n    dns: [1.1.1.1]\n", files=("compose.yaml", "b.yaml"))
    assert told(loaded, "services.app.image") == "compose.yaml:3:12"
    assert told(loaded, "services.app.user") == "b.yaml:3:11"
    assert told(loaded, "services.app.dns.0") == "compose.yaml:5:11"
    assert told(loaded, "services.app.dns.1") == "b.yaml:4:11"


def test_what_is_extended_is_from_the_base_and_what_is_included_from_its_file(directory: Directory) -> None:
    directory.write("base.yaml", "services:\n  base:\n    image: base\n    user: me\n")
    directory.write("sub/inc.yaml", "services:\n  other:\n    image: other:$TAG\n")
    directory.write("sub/.env", "TAG=1\n")
    loaded = directory.load(
        "include: [sub/inc.yaml]\n"
        "services:\n  app:\n    extends: {file: base.yaml, service: base}\n    user: you\n    depends_on: [other]\n"
    )
    assert told(loaded, "services.app.image") == "base.yaml:3:12"
    assert told(loaded, "services.app.user") == "compose.yaml:5:11"
    assert told(loaded, "services.other.image") == "sub/.env:1:1 (TAG) in sub/inc.yaml:3:12"


def test_dependencies_are_implied_by_links_and_shared_namespaces(directory: Directory) -> None:
    loaded = directory.load(f"{HEAD}    pid: service:b\n    depends_on: [c]\n  b: {{image: b}}\n  c: {{image: c}}\n")
    at = "services.app.depends_on"
    assert (
        told(loaded, f"{at}.b.condition") == "implied (links, volumes_from or a shared namespace) at compose.yaml:4:10"
    )
    assert told(loaded, f"{at}.c.condition") == "default (started is enough) at compose.yaml:5:18"


def test_what_the_long_form_of_a_dependency_leaves_out_is_a_default(directory: Directory) -> None:
    loaded = directory.load(f"{HEAD}    depends_on:\n      b: {{condition: service_healthy}}\n  b: {{image: b}}\n")
    at = "services.app.depends_on.b"
    assert told(loaded, f"{at}.condition") == "compose.yaml:5:22"
    assert told(loaded, f"{at}.required") == "default (dependencies are required) at compose.yaml:5:10"


@pytest.mark.parametrize(
    ("written", "wishes", "expected"),
    [
        ("", {"project_name": "x"}, "--project-name"),
        ("name: own\n", {}, "compose.yaml:1:7"),
        ("name: a$FROM_SHELL\n", {}, "shell (FROM_SHELL) in compose.yaml:1:7"),
        ("name: own\n", {"environment": {"COMPOSE_PROJECT_NAME": "y"}}, "shell (COMPOSE_PROJECT_NAME)"),
        ("", {}, "implied (the directory's name)"),
    ],
)
def test_the_projects_name_tells_who_gave_it(
    directory: Directory, written: str, wishes: dict[str, object], expected: str
) -> None:
    loaded = directory.load(f"{written}{HEAD}", **{"project_name": "", "environment": SHELL, **wishes})
    assert told(loaded, "name") == expected


def test_names_of_resources_are_implied_by_project_and_key(directory: Directory) -> None:
    loaded = directory.load(f"{HEAD}    volumes: [v1:/a, v2:/b]\nvolumes:\n  v1:\n  v2: {{name: own}}\n")
    assert told(loaded, "volumes.v1.name") == "implied (project and key)"
    assert told(loaded, "volumes.v2.name") == "compose.yaml:7:14"
    assert told(loaded, "networks.default.name") == "implied (default network)"


def test_without_interpolation_variables_are_not_looked_up(directory: Directory) -> None:
    loaded = directory.load(f"{HEAD}    user: $FROM_SHELL\n", environment=SHELL, interpolate=False)
    assert told(loaded, "services.app.user") == "compose.yaml:4:11"


def test_the_text_has_a_line_per_value_in_columns(directory: Directory) -> None:
    directory.write(".env", "WHO=me\n")
    loaded = directory.load("services:\n  app:\n    image: a\n    init: true\n    user: $WHO\n    tty: true\n")
    lines = origins_text({"services": {"app": {"user": "me", "tty": True}}}, loaded.places.origins)
    assert lines == (
        "services.app.user: me   .env:1:1 (WHO) in compose.yaml:5:11\nservices.app.tty: true  compose.yaml:6:10\n"
    )


def test_json_has_what_is_known_of_each_origin(directory: Directory) -> None:
    directory.write(".env", "WHO=me\n")
    loaded = directory.load(f"{HEAD}    user: $WHO\n")
    (entry,) = json.loads(origins_json({"services": {"app": {"user": "me"}}}, loaded.places.origins))
    assert entry == {
        "path": ["services", "app", "user"],
        "value": "me",
        "origins": [
            {"kind": "env file", "file": ".env", "line": 1, "column": 1, "variable": "WHO"},
            {"kind": "file", "file": "compose.yaml", "line": 4, "column": 11},
        ],
    }
