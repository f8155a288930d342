"""Applications in a registry: published, looked at, brought up from there and taken down."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine, pycompose_command
from tests.fakes.docker_registry import PASSWORD, USER, DockerRegistry, make_certificate, serve_docker_registry

pytestmark = [pytest.mark.root, pytest.mark.net]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with serve_docker_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture
def project(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    (home / "common.yaml").write_text(
        "services: {base: {image: busybox, command: sleep 1000, stop_grace_period: 0s}}\n"
    )
    (home / "web.env").write_text("FROM_FILE=yes\n")
    (home / "compose.yaml").write_text(
        "name: published\n"
        "services:\n"
        "  web:\n"
        "    extends: {file: common.yaml, service: base}\n"
        "    env_file: web.env\n"
        "    environment: {COLOUR: '${COLOUR:-blue}'}\n"
    )
    return home


def elsewhere(tmp_path: Path) -> Path:
    """An empty directory, as somebody has who only uses the application."""
    place = tmp_path / "elsewhere"
    place.mkdir(exist_ok=True)
    return place


def manifest(registry: DockerRegistry, name: str, tag: str, kind: str = MANIFEST) -> dict[str, Any]:
    request = urllib.request.Request(f"{registry.url}/v2/{name}/manifests/{tag}", headers={"Accept": kind})
    with urllib.request.urlopen(request) as answer:
        document: dict[str, Any] = json.load(answer)
    return document


def test_what_is_published_comes_up_elsewhere(
    machine: Machine, registry: DockerRegistry, project: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/me/app:1"
    done = machine.pycompose("publish", "--with-env", "-y", name, cwd=project)
    assert f"{name}  published" in done.stderr
    document = manifest(registry, "me/app", "1")
    assert document["artifactType"] == "application/vnd.docker.compose.project"
    assert [layer["mediaType"].rpartition(".")[2] for layer in document["layers"]] == [
        "file+yaml",
        "file+yaml",
        "envfile",
    ]
    place, cache = elsewhere(tmp_path), str(tmp_path / "cache")
    shown = machine.pycompose("-f", f"oci://{name}", "config", "--format", "json", cwd=place, XDG_CACHE_HOME=cache)
    web = json.loads(shown.stdout)["services"]["web"]
    assert web["environment"] == {"COLOUR": "blue", "FROM_FILE": "yes"}
    up = machine.pycompose("-f", f"oci://{name}", "up", "-d", "-y", cwd=place, XDG_CACHE_HOME=cache, COLOUR="red")
    assert f'"oci://{name}" is stored in "{cache}/pycompose/oci/' in up.stdout
    try:
        said = machine.pycompose(
            "-f", f"oci://{name}", "exec", "-T", "web", "env", cwd=place, XDG_CACHE_HOME=cache, COLOUR="red"
        )
        assert {"COLOUR=red", "FROM_FILE=yes"} <= set(said.stdout.splitlines())
        again = machine.pycompose(
            "-f", f"oci://{name}", "up", "-d", "-y", cwd=place, XDG_CACHE_HOME=cache, COLOUR="red"
        )
        assert "Running" in again.stderr
    finally:
        machine.pycompose("-f", f"oci://{name}", "down", cwd=place, XDG_CACHE_HOME=cache)
    assert machine.docker("ps", "-aq").stdout == ""


def test_nothing_runs_and_nothing_is_published_without_a_yes(
    machine: Machine, registry: DockerRegistry, project: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/me/asked:1"
    done = machine.pycompose("publish", name, cwd=project, succeeds=False)
    assert done.returncode == 1
    assert 'service "web" has env_file declared.' in done.stderr
    done = machine.pycompose("publish", "--with-env", name, cwd=project, succeeds=False)
    assert done.returncode == 130
    assert "web: FROM_FILE=yes" in done.stdout
    machine.run([*pycompose_command(), "publish", "--with-env", name], cwd=project, stdin="y\n")
    cache = str(tmp_path / "cache")
    done = machine.pycompose("-f", f"oci://{name}", "up", "-d", cwd=project, XDG_CACHE_HOME=cache, succeeds=False)
    assert done.returncode == 1
    assert "COLOUR     blue    compose file   no         blue" in done.stdout
    assert machine.docker("ps", "-aq").stdout == ""


def test_at_a_terminal_enter_means_what_is_offered(
    machine: Machine, registry: DockerRegistry, project: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/me/terminal:1"
    machine.pycompose("publish", "--with-env", "-y", name, cwd=project)
    ours, theirs = pty.openpty()
    os.write(ours, b"\n")
    try:
        command = [*pycompose_command(), "--dry-run", "-f", f"oci://{name}", "up", "-d"]
        environment = {**machine.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = subprocess.run(command, cwd=project, env=environment, stdin=theirs, capture_output=True, timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stderr


def test_applications_include_each_other(
    machine: Machine, registry: DockerRegistry, project: Path, tmp_path: Path
) -> None:
    inner, outer = f"{registry.host}/me/inner:1", f"{registry.host}/me/outer:1"
    machine.pycompose("publish", "--with-env", "-y", inner, cwd=project)
    place, cache = elsewhere(tmp_path), str(tmp_path / "cache")
    (place / "compose.yaml").write_text(f"include: ['oci://{inner}']\nservices: {{db: {{image: busybox}}}}\n")
    machine.pycompose("publish", "-y", outer, cwd=place, XDG_CACHE_HOME=cache)
    (place / "more.yaml").write_text("services: {more: {image: busybox}}\n")
    files = ["-f", f"oci://{outer}", "-f", "more.yaml"]
    shown = machine.pycompose(*files, "config", "--services", cwd=place, XDG_CACHE_HOME=cache)
    assert sorted(shown.stdout.split()) == ["db", "more", "web"]
    done = machine.pycompose(*files, "up", "-d", cwd=place, XDG_CACHE_HOME=cache, succeeds=False)
    assert f"  oci://{inner}\n" in done.stdout
    assert "cancelled" in done.stderr


def test_images_come_along_and_are_pinned(machine: Machine, registry: DockerRegistry, tmp_path: Path) -> None:
    place = elsewhere(tmp_path)
    image = f"{registry.host}/me/tool:1"
    (place / "Dockerfile").write_text("FROM busybox\nRUN echo built > /made\n")
    (place / "compose.yaml").write_text(f"services: {{tool: {{image: '{image}', build: .}}}}\n")
    machine.pycompose("build", cwd=place)
    done = machine.pycompose("publish", "--app", "-y", f"{registry.host}/me/whole:1", cwd=place)
    assert f"Image {image}  Pushed" in done.stderr
    document = manifest(registry, "me/whole", "1")
    names = [layer["annotations"]["com.docker.compose.file"] for layer in document["layers"]]
    assert names == ["compose.yaml", "image-digests.yaml"]
    shown = machine.pycompose("-f", f"oci://{registry.host}/me/whole:1", "config", "--images", cwd=place)
    pinned = shown.stdout.strip()
    assert pinned.startswith(f"{image}@sha256:")
    # The image is in the application's repository by its digest.
    digest = pinned.partition("@")[2]
    kinds = f"{MANIFEST}, application/vnd.docker.distribution.manifest.v2+json"
    assert manifest(registry, "me/whole", digest, kinds)["config"]


def test_a_rehearsal_publishes_nothing(machine: Machine, registry: DockerRegistry, project: Path) -> None:
    name = f"{registry.host}/me/rehearsed:1"
    done = machine.pycompose("--dry-run", "publish", "--with-env", "-y", name, cwd=project)
    assert "DRY-RUN MODE" in done.stderr
    done = machine.pycompose("-f", f"oci://{name}", "config", cwd=project, succeeds=False)
    assert done.returncode == 1
    assert f"{name} not found" in done.stderr


def test_pulling_applications_can_be_forbidden(machine: Machine, registry: DockerRegistry, project: Path) -> None:
    for value, words in (("0", "forbids"), ("maybe", "not a boolean")):
        done = machine.pycompose(
            "-f", f"oci://{registry.host}/me/app:1", "config",
            cwd=project, succeeds=False, COMPOSE_EXPERIMENTAL_OCI_REMOTE=value,
        )  # fmt: skip
        assert words in done.stderr


def test_registries_with_tls_and_passwords_take_the_credentials_of_login(
    machine: Machine, project: Path, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    with serve_docker_registry(tmp_path / "secure", certificate=certificate, passwords=True) as secure:
        name = f"{secure.host}/me/app:1"
        done = machine.pycompose("publish", "--with-env", "-y", name, cwd=project, succeeds=False)
        assert done.returncode == 1
        assert f"pycompose login {secure.host}" in done.stderr
        machine.run(
            [*pycompose_command(), "login", "-u", USER, "--password-stdin", secure.host], cwd=project, stdin=PASSWORD
        )
        machine.pycompose("publish", "--with-env", "-y", name, cwd=project)
        files = ["-f", f"oci://{name}"]
        cache = str(tmp_path / "cache")
        shown = machine.pycompose(*files, "config", "--services", cwd=project, XDG_CACHE_HOME=cache)
        assert shown.stdout == "web\n"
        # A command that loads the project within its event loop.
        machine.pycompose(*files, "stop", cwd=project, XDG_CACHE_HOME=str(tmp_path / "other"))
        machine.pycompose("logout", secure.host, cwd=project)
    offline = machine.pycompose(*files, "config", "--services", cwd=project, XDG_CACHE_HOME=cache)
    assert offline.stdout == "web\n"
    assert "which it was the last time" in offline.stderr
