"""Whatever a command prints as JSON is as its schema says."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from compose.cli.group import cli
from schemas import load_schema
from tests.e2e.cutting import door
from tests.e2e.machine import Machine, pycompose_command

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: told
services:
  web:
    image: busybox
    init: true
    command: sleep ${SECONDS:-1000}
    ports: ["127.0.0.1::80", "443/udp"]
    healthcheck: {test: ["CMD", "true"], interval: 1h}
    volumes: [data:/data]
    labels: {a: b}
    depends_on: {job: {condition: service_completed_successfully}}
  job: {image: busybox, command: "true"}
  soon: {image: busybox, init: true, command: [sh, -c, "until [ -e /over ]; do sleep 0.1; done"]}
volumes: {data: {labels: {x: y}}}
"""
# schema -> command; those that end with a code other than 0 have it
COMMANDS: dict[str, tuple[str, ...]] = {
    "engine-df": ("engine", "df", "--format", "json"),
    "engine-images": ("engine", "images", "--format", "json"),
    "engine-info": ("engine", "info", "--format", "json"),
    "engine-inspect": ("engine", "inspect", "told-web-1", "busybox", "told_default", "told_data", "--format", "json"),
    "engine-network-ls": ("engine", "network", "ls", "--format", "json"),
    "engine-ps": ("engine", "ps", "-a", "--format", "json"),
    "engine-volume-ls": ("engine", "volume", "ls", "--format", "json"),
    "events": ("events", "--json", "--since", "1h", "--until", "0s"),
    "explain": ("explain", "--format", "json"),
    "graph": ("graph", "--format", "json"),
    "images": ("images", "--format", "json"),
    "ls": ("ls", "--format", "json"),
    "origins": ("config", "--origins", "--format", "json"),
    "plan": ("plan", "--force-recreate", "--format", "json"),
    "port": ("port", "web", "80", "--format", "json"),
    "ps": ("ps", "-a", "--format", "json"),
    "stats": ("stats", "-a", "--no-stream", "--format", "json"),
    "support": ("support", "--format", "json"),
    "top": ("top", "--format", "json"),
    "transformations": ("bridge", "transformations", "list", "--format", "json"),
    "variables": ("config", "--variables", "--format", "json"),
    "version": ("version", "--format", "json"),
    "volumes": ("volumes", "--format", "json"),
}


@pytest.fixture(scope="module")
def directory(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project, up, and once changed."""
    found = tmp_path_factory.mktemp("told")
    (found / "compose.yaml").write_text(STACK)
    dockerfile = "FROM busybox\nLABEL com.docker.compose.bridge=transformation\n"
    machine.docker("build", "-q", "-t", "told/transformation", "-", stdin=dockerfile)
    machine.pycompose("up", "-d", "--wait", "web", cwd=found)
    machine.pycompose("up", "-d", "--wait", "web", cwd=found, SECONDS="999")
    yield found
    machine.pycompose("down", "-v", "-t", "0", cwd=found)


def documents(name: str, text: str) -> list[Any]:
    """What was printed; with schemas of lines, one for each."""
    if load_schema(f"output/{name}")["$comment"].endswith("per line"):
        return [json.loads(line) for line in text.splitlines()]
    return [json.loads(text)]


def check(name: str, text: str) -> list[Any]:
    found = documents(name, text)
    for document in found:
        jsonschema.validate(document, load_schema(f"output/{name}"))
    assert found
    assert found[0]
    return found


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_is_printed_is_as_its_schema_says(name: str, machine: Machine, directory: Path) -> None:
    check(name, machine.pycompose(*COMMANDS[name], cwd=directory).stdout)


def test_the_project_itself_is_a_compose_file(machine: Machine, directory: Path) -> None:
    printed = machine.pycompose("config", "--format", "json", cwd=directory).stdout
    jsonschema.validate(json.loads(printed), load_schema("compose"))


def test_waiting_tells_of_each_container(machine: Machine, directory: Path) -> None:
    machine.pycompose("up", "-d", "-t", "0", "--force-recreate", "soon", cwd=directory)
    is_waiting = threading.Event()

    def look(request: bytes) -> None:
        if b"/wait" in request:
            is_waiting.set()

    command = [*pycompose_command(), "wait", "soon", "--format", "json"]
    with door(machine, look) as address:
        environment = {**machine.environment, "DOCKER_HOST": address}
        with subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True) as waiting:
            is_waiting.wait(60)
            machine.pycompose("exec", "-T", "soon", "touch", "/over", cwd=directory)
            out, _ = waiting.communicate(timeout=60)
    told = check("wait", out)
    assert [(record["Service"], record["ExitCode"]) for record in told] == [("soon", 0)]


def test_the_engines_events_are_dockers(machine: Machine, directory: Path) -> None:
    now = str(time.time())
    told = machine.pycompose("engine", "events", "--since", "1", "--until", now, "--format", "json", cwd=directory)
    assert {record["Action"] for record in check("engine-events", told.stdout)} >= {"create", "start"}


def test_progress_warnings_and_errors_are_lines_of_json(machine: Machine, directory: Path) -> None:
    up = machine.pycompose("--progress", "json", "up", "-d", "--force-recreate", "-t", "0", "web", cwd=directory)
    assert {record["status"] for record in check("progress", up.stderr)} >= {"Recreate", "Recreated", "Started"}
    failed = machine.pycompose("--progress=json", "up", "-d", "wbe", cwd=directory, succeeds=False)
    check("error", failed.stderr)
    (directory / "unset.yaml").write_text("services: {a: {image: '${UNSET}busybox'}}")
    warned = machine.pycompose(
        "--progress=json", "-f", "unset.yaml", "pull", "--dry-run", cwd=directory, succeeds=False
    )
    check("warning", warned.stderr.splitlines()[0])


def test_every_schema_is_held_against_something() -> None:
    names = {path.stem for path in (Path(__file__).parents[2] / "schemas" / "output").glob("*.json")}
    assert names == {*COMMANDS, "engine-events", "wait", "progress", "warning", "error"}


def test_every_command_that_prints_json_has_a_schema() -> None:
    paths = set(_with_json(cli))
    held = {command[: len(path)] for command in COMMANDS.values() for path in paths}
    assert paths - held == {
        ("engine", "events"),
        ("wait",),
        ("bridge", "transformations", "ls"),  # another name of `list`
    }


def _with_json(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of the commands that print JSON on request."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _with_json(command, (*path, name))
        elif command and any({"--format", "--json"} & set(parameter.opts) for parameter in command.params):
            yield (*path, name)
