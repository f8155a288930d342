"""A registry with TLS and passwords, as people use it: log in, push, pull, look into it, log out."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, pycompose_command
from tests.fakes.docker_registry import PASSWORD, USER, DockerRegistry, make_certificate, serve_docker_registry

pytestmark = [pytest.mark.root, pytest.mark.net]

# docker-credential-helpers' protocol, with a file instead of a keychain.
HELPER = """\
#!/bin/sh
read -r given
echo "$1 $given" >> "$HELPER_LOG"
case $1 in
  store) echo "$given" > "$HELPER_STORE" ;;
  get) if [ -s "$HELPER_STORE" ]; then cat "$HELPER_STORE"
       else echo "credentials not found in native keychain"; exit 1; fi ;;
  erase) rm -f "$HELPER_STORE" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A machine and the registry that it trusts."""

    machine: Machine
    registry: DockerRegistry
    certificate: Path

    @property
    def config(self) -> Path:
        return Path(self.machine.environment["DOCKER_CONFIG"], "config.json")


@pytest.fixture(scope="module")
def site(image_registry: str, docker_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("secure")
    certificate = make_certificate(home)
    with serve_docker_registry(home, certificate=certificate, passwords=True) as registry:
        machine = Machine.make(image_registry, docker_program)
        try:
            with Path(machine.environment["PYCOMPOSE_REGISTRIES"]).open("a") as settings:
                settings.write(f'[registry."{registry.host}"]\nca = "{certificate}"\n')
            machine.start_engine()
            machine.docker("pull", "alpine:3.20")
            machine.docker("tag", "alpine:3.20", f"{registry.host}/team/app:1")
            machine.docker("tag", "alpine:3.20", f"{registry.host}/team/app:2")
            yield Site(machine, registry, certificate)
        finally:
            machine.destroy()


@pytest.fixture(autouse=True)
def logged_out(site: Site) -> None:
    shutil.rmtree(site.config.parent, ignore_errors=True)


def project(place: Path, image: str) -> Path:
    """A project that builds an image and uses another."""
    services = {"app": {"image": image, "build": "."}, "other": {"image": "alpine:3.20"}}
    (place / "compose.yaml").write_text(json.dumps({"services": services}))
    return place


def test_docker_logs_in_pushes_and_logs_out(site: Site) -> None:
    machine, host = site.machine, site.registry.host
    name = f"{host}/team/app"
    refused = machine.docker("push", f"{name}:1", succeeds=False)
    assert "unauthorized: authentication required" in refused.stderr
    wrong = machine.docker("login", "-u", USER, "--password-stdin", host, stdin="wrong", succeeds=False)
    assert "unauthorized: incorrect username or password" in wrong.stderr
    assert "Login Succeeded" in machine.docker("login", "-u", USER, "--password-stdin", host, stdin=PASSWORD).stdout
    pushed = machine.docker("push", "--all-tags", name).stdout
    assert "1: digest: sha256:" in pushed
    assert "2: digest: sha256:" in pushed
    digests = machine.docker("image", "inspect", "--format", "{{json .RepoDigests}}", f"{name}:1").stdout
    assert f"{name}@sha256:" in digests
    machine.docker("rmi", f"{name}:1")
    machine.docker("pull", f"{name}:1")
    found = machine.docker("search", f"{host}/app").stdout
    assert "team/app" in found
    machine.docker("logout", host)
    assert "unauthorized" in machine.docker("pull", f"{name}:1", succeeds=False).stderr


def test_the_manifest_can_be_looked_at(site: Site) -> None:
    machine, host = site.machine, site.registry.host
    machine.docker("login", "-u", USER, "--password-stdin", host, stdin=PASSWORD)
    machine.docker("push", f"{host}/team/app:1")
    # The client asks the registry itself here, so it has to be told of the certificate.
    shown = machine.docker("manifest", "inspect", "--insecure", f"{host}/team/app:1")
    assert json.loads(shown.stdout)["schemaVersion"] == 2


def test_pycompose_pushes_and_pulls_with_dockers_credentials(site: Site, tmp_path: Path) -> None:
    machine, host = site.machine, site.registry.host
    image = f"{host}/team/app:1"
    place = project(tmp_path, image)
    failed = machine.pycompose("push", cwd=place, succeeds=False)
    assert failed.returncode == 1
    assert "unauthorized: authentication required" in failed.stderr
    machine.docker("login", "-u", USER, "--password-stdin", host, stdin=PASSWORD)
    told = machine.pycompose("push", cwd=place).stderr
    assert f"Image {image}  Pushed" in " ".join(told.split(" "))
    assert "other" in told
    assert "Skipped" in told
    machine.docker("rmi", image)
    machine.pycompose("pull", "app", cwd=place)
    machine.docker("image", "inspect", image)


def test_a_build_is_pushed_under_all_its_names_and_a_refusal_names_what_was_refused(site: Site, tmp_path: Path) -> None:
    machine, host = site.machine, site.registry.host
    names = [f"{host}/team/built:{tag}" for tag in (1, 2)]
    build = {"dockerfile_inline": "FROM alpine:3.20\nLABEL built=here\n", "tags": names[1:]}
    services = {"app": {"image": names[0], "build": build}, "unnamed": {"build": build}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}, indent=1))
    refused = machine.pycompose("build", "--push", cwd=tmp_path, succeeds=False)
    assert refused.returncode == 1
    assert re.search(rf"compose.yaml:4:13: error: pushing {host}/team/built:[12]: .*unauthorized", refused.stderr)
    machine.docker("login", "-u", USER, "--password-stdin", host, stdin=PASSWORD)
    machine.pycompose("build", "--push", cwd=tmp_path)
    for name in names:
        machine.docker("rmi", name)
        machine.docker("pull", name)
    machine.docker("logout", host)


def test_pycompose_logs_in_by_itself_and_keeps_no_password_in_arguments(site: Site, tmp_path: Path) -> None:
    machine, host = site.machine, site.registry.host
    login = [*pycompose_command(), "login", "-u", USER, "--password-stdin", host]
    wrong = machine.run(login, cwd=tmp_path, stdin="wrong", succeeds=False)
    assert wrong.returncode == 1
    assert "incorrect username or password" in wrong.stderr
    assert not site.config.exists()
    machine.run(login, cwd=tmp_path, stdin=f"{PASSWORD}\n")
    assert site.config.stat().st_mode & 0o777 == 0o600
    # Docker's own command line finds them, and the other way round.
    machine.docker("push", f"{host}/team/app:1")
    assert "Removed" in machine.pycompose("logout", host, cwd=tmp_path).stdout
    assert "Not logged in" in machine.pycompose("logout", host, cwd=tmp_path).stdout
    assert "unauthorized" in machine.docker("push", f"{host}/team/app:1", succeeds=False).stderr


def test_pycompose_asks_for_the_password_on_a_terminal_without_showing_it(site: Site, tmp_path: Path) -> None:
    machine, host = site.machine, site.registry.host
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*pycompose_command(), "login", host],
        cwd=tmp_path,
        env=machine.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as program:
        os.close(theirs)
        seen = _read_until(ours, b"Username: ")
        os.write(ours, f"{USER}\n".encode())
        seen += _read_until(ours, b"Password: ")
        os.write(ours, f"{PASSWORD}\n".encode())
        seen += _read_until(ours, b"Login Succeeded")
        program.wait(60)
        os.close(ours)
    assert PASSWORD.encode() not in seen
    assert program.returncode == 0


def test_a_credential_helper_keeps_the_secret(site: Site, tmp_path: Path) -> None:
    machine, host = site.machine, site.registry.host
    helper = tmp_path / "docker-credential-test"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    site.config.parent.mkdir(parents=True)
    site.config.write_text(json.dumps({"credHelpers": {host: "test"}, "detachKeys": "ctrl-x"}))
    run = partial(
        machine.run,
        cwd=project(tmp_path, f"{host}/team/app:1"),
        PATH=f"{tmp_path}:{machine.environment['PATH']}",
        HELPER_LOG=str(tmp_path / "log"),
        HELPER_STORE=str(tmp_path / "store"),
    )
    push, logout = [*pycompose_command(), "push", "app"], [*pycompose_command(), "logout", host]
    run([*pycompose_command(), "login", "-u", USER, "--password-stdin", host], stdin=PASSWORD)
    config = json.loads(site.config.read_text())
    assert config == {"credHelpers": {host: "test"}, "detachKeys": "ctrl-x", "auths": {host: {}}}
    run(push)
    run(logout)
    verbs = [line.partition(" ")[0] for line in (tmp_path / "log").read_text().splitlines()]
    assert (verbs[0], verbs[-1]) == ("store", "erase")
    assert run(push, succeeds=False).returncode == 1


def test_no_secret_gets_into_the_log_or_the_database(site: Site) -> None:
    machine, host = site.machine, site.registry.host
    machine.docker("login", "-u", USER, "--password-stdin", host, stdin=PASSWORD)
    machine.docker("push", f"{host}/team/app:2")
    joint = base64.b64encode(f"{USER}:{PASSWORD}".encode())
    for file in machine.paths.root.iterdir():
        if file.is_file():
            content = file.read_bytes()
            assert PASSWORD.encode() not in content
            assert joint not in content


def test_skopeo_finds_what_was_pushed(site: Site) -> None:
    machine, host = site.machine, site.registry.host
    machine.docker("login", "-u", USER, "--password-stdin", host, stdin=PASSWORD)
    machine.docker("push", f"{host}/team/app:2")
    done = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", "--authfile", site.config, f"docker://{host}/team/app:2"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["Digest"].startswith("sha256:")


def _read_until(terminal: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        seen += os.read(terminal, 4096)
    return seen


def test_a_build_keeps_its_cache_where_only_those_who_log_in_may(site: Site, tmp_path: Path) -> None:
    machine, host = site.machine, site.registry.host
    reference = f"type=registry,ref={host}/team/cache"
    build = {"context": ".", "cache_from": [reference], "cache_to": [f"{reference},mode=max"]}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"app": {"build": build}}}))
    (tmp_path / "Dockerfile").write_text("FROM alpine:3.20\nRUN echo kept > /kept\n")
    refused = machine.pycompose("build", cwd=tmp_path, succeeds=False).stderr
    assert f"the cache cannot be written to {host}/team/cache" in refused
    assert "401" in refused or "unauthorized" in refused
    machine.docker("login", "-u", USER, "--password-stdin", host, stdin=PASSWORD)
    machine.pycompose("build", cwd=tmp_path)
    machine.docker("builder", "prune", "--force", "--all")
    assert "Using cache" in machine.pycompose("build", cwd=tmp_path).stderr
