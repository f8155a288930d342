"""docker, docker-py and skopeo on what containers become, and on images in archives."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

WRITES = "echo mine > /etc/mine; rm /bin/vi; mkdir -p /srv/a; touch /srv/a/b; exec sleep 1000"


@pytest.fixture
def box(machine: Machine) -> Iterator[str]:
    """A container that has written a few files and runs."""
    machine.docker("run", "--detach", "--name", "box", "busybox:1.36", "sh", "-c", WRITES)
    machine.docker("exec", "box", "sh", "-c", "until [ -e /srv/a/b ]; do sleep 0.05; done")
    yield "box"
    machine.docker("rm", "--force", "--volumes", "box")


def inspected(machine: Machine, name: str) -> Any:
    return json.loads(machine.docker("image", "inspect", name).stdout)[0]


def names_in(data: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return set(opened.getnames())


def test_diff_tells_what_the_container_did_and_nothing_of_ours(machine: Machine, box: str) -> None:
    assert machine.docker("diff", box).stdout.splitlines() == [
        "C /bin",
        "D /bin/vi",
        "C /etc",
        "A /etc/mine",
        "A /srv",
        "A /srv/a",
        "A /srv/a/b",
    ]


def test_commit_makes_an_image_with_a_changed_config_that_runs(machine: Machine, box: str) -> None:
    changes = ['CMD ["cat", "/etc/mine"]', "ENV COLOUR=blue", "EXPOSE 80", "LABEL kind=made", "WORKDIR /srv"]
    flags = [word for change in changes for word in ("--change", change)]
    done = machine.docker("commit", "--author", "me", "--message", "first", *flags, box, "made:1")
    image = inspected(machine, "made:1")
    assert image["Id"] == done.stdout.strip()
    assert (image["Author"], image["Comment"]) == ("me", "first")
    assert image["Config"]["Env"][-1] == "COLOUR=blue"
    assert (image["Config"]["ExposedPorts"], image["Config"]["WorkingDir"]) == ({"80/tcp": {}}, "/srv")
    assert image["Parent"] == inspected(machine, "busybox:1.36")["Id"]
    assert machine.docker("run", "--rm", "made:1").stdout == "mine\n"
    assert machine.docker("run", "--rm", "made:1", "ls", "/bin/vi", succeeds=False).returncode != 0
    history = machine.docker("history", "--format", "{{.Comment}}", "made:1").stdout.splitlines()
    assert history[0] == "first"
    assert machine.docker("inspect", "--format", "{{.State.Status}}", box).stdout.strip() == "running"
    machine.docker("rmi", "made:1")


def test_what_is_wrong_with_a_commit_is_told_and_makes_no_image(machine: Machine, box: str) -> None:
    before = machine.docker("images", "--all", "--quiet").stdout
    refused = machine.docker("commit", "--change", "RUN true", box, succeeds=False)
    assert "RUN is not a valid change command" in refused.stderr
    assert "No such container: none" in machine.docker("commit", "none", succeeds=False).stderr
    assert machine.docker("images", "--all", "--quiet").stdout == before


def test_an_exported_container_can_be_imported(machine: Machine, box: str, tmp_path: Path) -> None:
    machine.docker("export", "--output", str(tmp_path / "box.tar"), box)
    assert {"etc/mine", "srv/a/b", "bin/busybox"} <= names_in((tmp_path / "box.tar").read_bytes())
    machine.docker("import", "--message", "flat", "--change", "CMD cat /etc/mine", str(tmp_path / "box.tar"), "flat:1")
    assert machine.docker("run", "--rm", "flat:1").stdout == "mine\n"
    assert len(inspected(machine, "flat:1")["RootFS"]["Layers"]) == 1
    (tmp_path / "bad.tar").write_bytes(b"nonsense" * 200)
    assert "not a tar archive" in machine.docker("import", str(tmp_path / "bad.tar"), succeeds=False).stderr
    machine.docker("rmi", "flat:1")


def test_saved_images_are_loaded_again_with_their_names_and_shared_layers(
    machine: Machine, box: str, tmp_path: Path
) -> None:
    machine.docker("commit", box, "made:1")
    made = inspected(machine, "made:1")
    saved = tmp_path / "saved.tar"
    machine.docker("save", "--output", str(saved), "made:1", "busybox:1.36")
    machine.docker("rmi", "made:1")
    assert machine.docker("load", "--input", str(saved)).stdout.splitlines() == [
        "Loaded image: made:1",
        "Loaded image: busybox:1.36",
    ]
    again = inspected(machine, "made:1")
    assert (again["Id"], again["RootFS"], again["Parent"]) == (made["Id"], made["RootFS"], made["Parent"])
    assert machine.docker("run", "--rm", "made:1", "cat", "/etc/mine").stdout == "mine\n"
    refused = machine.docker("load", succeeds=False, stdin="nonsense" * 200)
    assert "not a tar archive" in refused.stderr
    machine.docker("rmi", "made:1")


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive", "oci"])
def test_skopeo_reads_what_we_save_and_we_load_what_it_writes(
    machine: Machine, box: str, tmp_path: Path, kind: str
) -> None:
    machine.docker("commit", box, "made:1")
    layers = inspected(machine, "made:1")["RootFS"]["Layers"]
    machine.docker("save", "--output", str(tmp_path / "saved.tar"), "made:1")
    machine.docker("rmi", "made:1")
    target = tmp_path / "copied"
    source = f"docker-archive:{tmp_path}/saved.tar:docker.io/library/made:1"
    subprocess.run(["skopeo", "copy", "--quiet", source, f"{kind}:{target}:skopeo/made:2"], check=True)
    if kind == "oci":
        subprocess.run(["tar", "-C", str(target), "-cf", str(tmp_path / "oci.tar"), "."], check=True)
        target = tmp_path / "oci.tar"
    assert machine.docker("load", "--input", str(target)).stdout.strip() == "Loaded image: skopeo/made:2"
    assert inspected(machine, "skopeo/made:2")["RootFS"]["Layers"] == layers
    assert machine.docker("run", "--rm", "skopeo/made:2", "cat", "/etc/mine").stdout == "mine\n"
    machine.docker("rmi", "skopeo/made:2")


def test_of_a_load_during_which_the_engine_is_killed_nothing_is_left(machine: Machine, tmp_path: Path) -> None:
    big = tarfile.TarInfo("big")
    big.size = 8_000_000
    with tarfile.open(tmp_path / "files.tar", "w") as files:
        files.addfile(big, io.BytesIO(os.urandom(big.size)))
    machine.docker("import", str(tmp_path / "files.tar"), "big:1")
    machine.docker("save", "--output", str(tmp_path / "saved.tar"), "big:1")
    machine.docker("rmi", "big:1")
    command = [machine.docker_program, "--host", machine.address, "load"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as loading:
        assert loading.stdin is not None
        # More than all the pipes and sockets on the way hold, so the engine has begun.
        loading.stdin.write((tmp_path / "saved.tar").read_bytes()[:6_000_000])
        assert list(machine.paths.layers.glob(".tmp-load-*"))
        machine.end_engine(signal.SIGKILL)
    machine.start_engine()
    assert not list(machine.paths.layers.glob(".tmp-*"))
    assert "No such image" in machine.docker("image", "inspect", "big:1", succeeds=False).stderr
    machine.docker("load", "--input", str(tmp_path / "saved.tar"))
    machine.docker("rmi", "big:1")


def test_images_that_are_needed_stay_in_dockers_words(machine: Machine, box: str) -> None:
    base = inspected(machine, "busybox:1.36")["Id"]
    machine.docker("tag", "busybox:1.36", "second:1")
    several = machine.docker("rmi", base, succeeds=False).stderr
    assert "(cannot be forced) - image is being used by running container" in several
    assert machine.docker("rmi", "second:1").stdout.strip() == "Untagged: second:1"
    assert "(must force) - container" in machine.docker("rmi", "busybox:1.36", succeeds=False).stderr
    machine.docker("commit", box, "made:1")
    children = machine.docker("rmi", "--force", base, succeeds=False).stderr
    assert "(cannot be forced) - image has dependent child images" in children
    deleted = machine.docker("rmi", "made:1").stdout
    assert deleted.startswith("Untagged: made:1\nDeleted: sha256:")


def test_the_sizes_of_containers_and_images_are_told(machine: Machine, box: str) -> None:
    line = machine.docker("ps", "--size", "--format", "{{.Names}} {{.Size}}").stdout
    assert line.startswith("box 5B (virtual ")
    sizes = machine.docker("inspect", "--size", "--format", "{{.SizeRw}} {{.SizeRootFs}}", box).stdout.split()
    assert int(sizes[0]) == 5
    assert int(sizes[1]) == inspected(machine, "busybox:1.36")["Size"] + 5
    usage = machine.docker("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}").stdout.splitlines()
    assert usage[1] == "Containers 1 1"
    data = json.loads(machine.docker("inspect", box).stdout)[0]["GraphDriver"]["Data"]
    assert sorted(data) == ["ID", "LowerDir", "MergedDir", "UpperDir", "WorkDir"]


def test_pruning_keeps_to_its_filters(machine: Machine, box: str) -> None:
    machine.docker("commit", "--change", "LABEL keep=yes", box, "kept:1")
    machine.docker("commit", box, "made:1")
    machine.docker("image", "prune", "--all", "--force", "--filter", "until=10m", "--filter", "label!=keep")
    assert inspected(machine, "made:1")
    machine.docker("image", "prune", "--all", "--force", "--filter", "label!=keep")
    assert "No such image" in machine.docker("image", "inspect", "made:1", succeeds=False).stderr
    machine.docker("image", "prune", "--all", "--force")
    assert "No such image" in machine.docker("image", "inspect", "kept:1", succeeds=False).stderr
    assert inspected(machine, "busybox:1.36")


def test_an_archive_of_nothing_is_an_image_of_nothing(machine: Machine) -> None:
    machine.docker("import", "-", "nothing:1", stdin="")
    assert machine.docker("image", "inspect", "--format", "{{.Size}}", "nothing:1").stdout.strip() == "0"


def test_docker_py_commits_saves_loads_and_imports(machine: Machine, box: str, client: docker.DockerClient) -> None:
    container = client.containers.get(box)
    assert {"Path": "/etc/mine", "Kind": 1} in container.diff()
    image = container.commit("from-py", "1", message="m", author="a", conf={"Cmd": ["cat", "/etc/mine"]})
    assert client.containers.run("from-py:1", remove=True) == b"mine\n"
    assert image.history()[0]["Comment"] == "m"
    archive = b"".join(list(image.save(named=True)))
    client.images.remove("from-py:1")
    assert [loaded.tags for loaded in client.images.load(archive)] == [["from-py:1"]]
    with pytest.raises(docker.errors.ImageLoadError):
        client.images.load(b"no archive")
    files = b"".join(container.export())
    client.api.import_image_from_data(files, repository="flat-py", tag="1")
    assert client.containers.run("flat-py:1", ["cat", "/etc/mine"], remove=True) == b"mine\n"
    for name in ("from-py:1", "flat-py:1"):
        client.images.remove(name)
