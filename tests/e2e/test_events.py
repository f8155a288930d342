"""What `docker events` tells of everyday commands, in Docker's order and words; compared with a Docker 28."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


def told(machine: Machine, since: float, *filters: str) -> list[dict[str, Any]]:
    """The events since a moment."""
    options = [word for text in filters for word in ("--filter", text)]
    listed = machine.docker(
        "events", "--since", f"{since:.9f}", "--until", f"{time.time():.9f}", "--format", "json", *options
    )
    return [json.loads(line) for line in listed.stdout.splitlines()]


def words(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['Type']} {event['Action']}" for event in events]


@pytest.fixture(scope="module", autouse=True)
def _image(machine: Machine) -> None:
    machine.docker("pull", "-q", "busybox")


def test_a_run_is_told_from_its_making_to_its_end(machine: Machine) -> None:
    machine.docker("volume", "create", "data")
    machine.docker("network", "create", "front")
    began = time.time()
    machine.docker("run", "--rm", "--network", "front", "-v", "data:/data:ro", "-l", "a=b", "busybox", "true")
    events = told(machine, began)
    assert [line for line in words(events) if line != "network connect"] == [
        "container create",
        "container attach",
        "volume mount",
        "container start",
        "network disconnect",
        "volume unmount",
        "container die",
        "container destroy",
    ]
    mount = next(event["Actor"] for event in events if event["Action"] == "mount")
    container = events[0]["id"]
    assert mount == {
        "ID": "data",
        "Attributes": {
            "container": container, "destination": "/data", "driver": "local", "propagation": "", "read/write": "false",
        },
    }  # fmt: skip
    assert events[0]["Actor"]["Attributes"]["a"] == "b"
    machine.docker("volume", "rm", "data")
    machine.docker("network", "rm", "front")


def test_what_is_done_to_a_container_is_told(machine: Machine) -> None:
    machine.docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    began = time.time()
    for command in (
        ("exec", "web", "true"), ("pause", "web"), ("unpause", "web"), ("rename", "web", "site"), ("top", "site"),
        ("cp", "site:/etc/passwd", "-"), ("commit", "site", "site:1"), ("kill", "-s", "USR1", "site"),
        ("restart", "-t", "0", "site"), ("rm", "-f", "site"),
    ):  # fmt: skip
        machine.docker(*command)
    events = told(machine, began, "type=container")
    assert words(events) == [
        "container exec_create: true ", "container exec_start: true ", "container exec_die",
        "container pause", "container unpause", "container rename", "container top", "container archive-path",
        "container pause", "container commit", "container unpause", "container kill",
        "container kill", "container kill", "container stop", "container die", "container start", "container restart",
        "container kill", "container die", "container destroy",
    ]  # fmt: skip
    assert all("path" not in event["Actor"]["Attributes"] for event in events)
    machine.docker("rmi", "site:1")


def test_a_health_check_is_told_as_an_exec_and_by_its_result(machine: Machine) -> None:
    began = time.time()
    machine.docker(
        "run", "-d", "--name", "well", "--health-cmd", "true", "--health-interval", "1s", "busybox", "sleep", "600"
    )
    command = [machine.docker_program, "--host", machine.address, "events", "--since", f"{began:.9f}"]
    with subprocess.Popen([*command, "--filter", "event=health_status"], stdout=subprocess.PIPE) as listening:
        assert listening.stdout is not None
        listening.stdout.readline()
        listening.kill()
    lines = words(told(machine, began, "container=well"))
    machine.docker("rm", "-f", "well")
    at = lines.index("container health_status: healthy")
    assert lines[at - 3 : at] == [
        "container exec_create: /bin/sh -c true",
        "container exec_start: /bin/sh -c true",
        "container exec_die",
    ]


def test_images_are_told_with_their_labels(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> None:
    saved = tmp_path_factory.mktemp("saved") / "image.tar"
    machine.docker("run", "--name", "base", "busybox", "true")
    began = time.time()
    machine.docker("commit", "-c", "LABEL tier=front", "base", "labelled:1")
    machine.docker("save", "-o", str(saved), "labelled:1")
    machine.docker("rmi", "labelled:1")
    machine.docker("load", "-i", str(saved))
    machine.docker("rmi", "labelled:1")
    machine.docker("rm", "base")
    events = told(machine, began, "type=image")
    assert words(events) == [
        "image create", "image tag", "image save", "image untag", "image delete", "image load", "image untag",
        "image delete",
    ]  # fmt: skip
    labels = [event["Actor"]["Attributes"].get("tier") for event in events]
    assert labels == ["front", "front", "front", "front", None, "front", "front", None]


def test_prunes_are_told_with_what_they_freed(machine: Machine) -> None:
    began = time.time()
    for kind in ("container", "image", "volume", "network", "builder"):
        machine.docker(kind, "prune", "-f")
    events = [event for event in told(machine, began) if event["Action"] == "prune"]
    assert [event["Type"] for event in events] == ["container", "image", "volume", "network", "builder"]
    assert all(event["Actor"] == {"ID": "", "Attributes": {"reclaimed": "0"}} for event in events)


def test_the_past_is_known_after_a_restart_of_the_engine(machine: Machine) -> None:
    began = time.time()
    machine.docker("volume", "create", "kept")
    machine.end_engine(signal.SIGKILL)
    machine.start_engine()
    machine.docker("volume", "rm", "kept")
    assert words(told(machine, began, "volume=kept")) == ["volume create", "volume destroy"]


def test_filters_of_one_kind_are_alternatives_and_of_several_kinds_conditions(machine: Machine) -> None:
    began = time.time()
    machine.docker("create", "--name", "one", "-l", "tier=front", "busybox")
    machine.docker("create", "--name", "two", "busybox")
    machine.docker("rm", "one", "two")
    assert words(told(machine, began, "container=one", "container=two", "event=create")) == ["container create"] * 2
    assert words(told(machine, began, "label=tier=front")) == ["container create", "container destroy"]
    assert words(told(machine, began, "label=tier=front", "container=two")) == []
    assert words(told(machine, began, "image=busybox", "event=destroy")) == ["container destroy"] * 2
    assert len(told(machine, began, "colour=red")) == 4  # a filter that nobody knows is passed over, as by Docker
