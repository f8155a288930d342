"""Images as the real docker command line sees them: platforms, old versions of the API, damage, and pulls by age."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import docker
import pytest

from tests.e2e.machine import Completed, Machine, pycompose_command
from tests.fakes.docker_registry import make_certificate, serve_docker_registry
from tests.fakes.registry import tar_of

pytestmark = [pytest.mark.root, pytest.mark.net]

IMAGE = "alpine:3.20"


def old_docker(machine: Machine, version: str, *arguments: str) -> Completed:
    command = [machine.docker_program, "--host", machine.address, *arguments]
    return machine.run(command, cwd=machine.paths.root, DOCKER_API_VERSION=version, DOCKER_BUILDKIT="0")


@pytest.mark.parametrize("version", ["1.24", "1.41"])
def test_clients_of_long_ago_work_with_images(machine: Machine, version: str, tmp_path: Path) -> None:
    old_docker(machine, version, "pull", IMAGE)
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo made > /made\nLABEL since={version}\n")
    old_docker(machine, version, "build", "--tag", "made:old", str(tmp_path))
    assert "made" in old_docker(machine, version, "images", "--filter", "reference=made").stdout
    shown = json.loads(old_docker(machine, version, "image", "inspect", "made:old").stdout)[0]
    assert shown["Config"]["Labels"] == {"since": version}
    assert shown["VirtualSize"] == shown["Size"]
    assert "echo made" in old_docker(machine, version, "history", "--no-trunc", "made:old").stdout
    with serve_docker_registry(tmp_path / "registry") as registry:
        old_docker(machine, version, "tag", "made:old", f"{registry.host}/made:1")
        assert "digest: sha256:" in old_docker(machine, version, "push", f"{registry.host}/made:1").stdout
        old_docker(machine, version, "rmi", f"{registry.host}/made:1", "made:old")
        old_docker(machine, version, "pull", f"{registry.host}/made:1")
        old_docker(machine, version, "rmi", f"{registry.host}/made:1")


@pytest.mark.parametrize(("version", "told"), [("1.43", True), ("1.44", False)])
def test_the_virtual_size_is_told_to_clients_that_know_it(machine: Machine, version: str, *, told: bool) -> None:
    machine.docker("pull", IMAGE)
    client = docker.DockerClient(base_url=machine.address, version=version)
    try:
        entries = [*client.df()["Images"], *client.api.images()]
    finally:
        client.close()
    assert {"VirtualSize" in entry for entry in entries} == {told}


def test_an_image_is_for_one_platform_and_says_so(machine: Machine, tmp_path: Path) -> None:
    machine.docker("pull", IMAGE)
    for command in (("image", "inspect"), ("history",), ("rmi",)):
        refused = machine.docker(*command, "--platform", "linux/s390x", IMAGE, succeeds=False)
        assert "does not match the specified platform (linux/s390x)" in refused.stderr
    refused = machine.docker("save", "--platform", "linux/s390x", "-o", str(tmp_path / "x.tar"), IMAGE, succeeds=False)
    assert "does not match the specified platform" in refused.stderr
    refused = machine.docker("create", "--pull", "never", "--platform", "linux/s390x", IMAGE, succeeds=False)
    assert "does not match the specified platform (linux/s390x)" in refused.stderr
    here = machine.docker("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", IMAGE).stdout.strip()
    machine.docker("image", "inspect", "--platform", here, IMAGE)


def test_who_creates_a_container_of_another_platforms_image_is_warned(machine: Machine, tmp_path: Path) -> None:
    archive = tmp_path / "files.tar"
    archive.write_bytes(tar_of({"program": b"none"}))
    machine.docker("import", "--platform", "linux/s390x", str(archive), "foreign:1")
    made = machine.docker("create", "--name", "foreign", "foreign:1", "/program")
    assert "WARNING: The requested image's platform (linux/s390x) does not match the detected host" in made.stderr
    machine.docker("rm", "foreign")
    asked = machine.docker("create", "--name", "foreign", "--platform", "linux/s390x", "foreign:1", "/program")
    assert "WARNING" not in asked.stderr
    machine.docker("rm", "foreign")


def test_what_went_lost_comes_back_with_the_next_run(machine: Machine) -> None:
    machine.docker("pull", IMAGE)
    shown = json.loads(machine.docker("image", "inspect", IMAGE).stdout)[0]
    shutil.rmtree(Path(shown["GraphDriver"]["Data"]["UpperDir"]))
    assert machine.docker("run", "--rm", IMAGE, "echo", "here").stdout.endswith("here\n")


def test_a_registry_on_this_machine_needs_no_trusted_certificate(machine: Machine, tmp_path: Path) -> None:
    with serve_docker_registry(tmp_path / "registry", certificate=make_certificate(tmp_path)) as registry:
        machine.docker("pull", IMAGE)
        machine.docker("tag", IMAGE, f"{registry.host}/team/app:1")
        machine.docker("push", f"{registry.host}/team/app:1")
        machine.docker("rmi", f"{registry.host}/team/app:1")
        pulled = machine.docker("pull", "--all-tags", f"{registry.host}/team/app").stdout
        assert f"Status: Downloaded newer image for {registry.host}/team/app\n" in pulled


def test_pull_minds_policies_and_up_pulls_what_is_old(machine: Machine, tmp_path: Path) -> None:
    services = {
        "old": {"image": IMAGE, "pull_policy": "every_0s", "command": "true"},
        "kept": {"image": "busybox:1.36", "pull_policy": "missing", "command": "true"},
        "never": {"image": "nobody/nothing:1", "pull_policy": "never", "profiles": ["x"]},
        "made": {"build": ".", "profiles": ["x"]},
    }
    (tmp_path / "compose.yaml").write_text(json.dumps({"name": "policies", "services": services}))
    machine.pycompose("pull", cwd=tmp_path)
    told = machine.pycompose("--profile", "x", "pull", cwd=tmp_path).stderr
    assert "Image busybox:1.36  Skipped  Image is already present locally" in told
    assert "Image nobody/nothing:1  Skipped  Its pull policy is never" in told
    assert "Service made  Skipped  No image to be pulled" in told
    assert f"Image {IMAGE}  Pulled" in told
    try:
        first = machine.pycompose("up", "--detach", cwd=tmp_path).stderr
        assert f"Image {IMAGE}  Pulled" in first
        assert "busybox" not in first
    finally:
        machine.pycompose("down", cwd=tmp_path)
    assert machine.run([*pycompose_command(), "pull", "--policy", "sometimes"], cwd=tmp_path, succeeds=False).returncode
