"""Commands that look into a project's containers, or take something out of them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, json_lines

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: inside
services:
  web:
    image: busybox
    init: true
    command: ["sh", "-c", "echo made here > /made; exec sleep 1000"]
    volumes: ["data:/data"]
  db: {image: busybox, init: true, command: sleep 1000, volumes: ["rows:/rows"]}
volumes: {data: {}, rows: {}}
"""


@pytest.fixture(scope="module")
def project(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("inside")
    (directory / "compose.yaml").write_text(STACK)
    machine.pycompose("up", "-d", cwd=directory)
    # A start does not wait for what the program does.
    machine.pycompose("exec", "-T", "web", "sh", "-c", "until grep -qs here /made; do sleep 0.1; done", cwd=directory)
    yield directory
    machine.pycompose("down", "-v", "-t", "0", cwd=directory)


def test_volumes_are_listed_for_the_project_and_for_a_service(machine: Machine, project: Path) -> None:
    assert machine.pycompose("volumes", "-q", cwd=project).stdout.split() == ["inside_data", "inside_rows"]
    listed = machine.pycompose("volumes", "web", "--format", "json", cwd=project).stdout
    assert [entry["Name"] for entry in json_lines(listed)] == ["inside_data"]


def test_stats_tell_once_what_each_container_uses(machine: Machine, project: Path) -> None:
    rows = machine.pycompose("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", cwd=project).stdout.split("\n")
    assert {row.split()[0] for row in rows if row} == {"inside-db-1", "inside-web-1"}
    assert all(int(row.split()[1]) >= 1 for row in rows if row)


def test_an_export_is_a_whole_archive_or_nothing(machine: Machine, project: Path, tmp_path: Path) -> None:
    target = tmp_path / "web.tar"
    machine.pycompose("export", "web", "-o", str(target), cwd=project)
    with tarfile.open(target) as archive:
        member = archive.extractfile("made")
        assert member is not None
        assert member.read() == b"made here\n"
    failed = machine.pycompose("export", "web", "-o", str(tmp_path / "no" / "such.tar"), cwd=project, succeeds=False)
    assert failed.returncode != 0
    assert "No such file or directory" in failed.stderr


def test_a_commit_is_an_image_with_what_the_container_made(machine: Machine, project: Path) -> None:
    machine.pycompose("commit", "web", "inside/web:kept", "-m", "kept", "-c", "ENV KEPT=yes", cwd=project)
    done = machine.docker("run", "--rm", "inside/web:kept", "sh", "-c", "cat /made; echo $KEPT")
    assert done.stdout == "made here\nyes\n"
    found = json.loads(machine.docker("image", "inspect", "inside/web:kept").stdout)
    assert found[0]["Comment"] == "kept"


def test_scale_starts_what_is_missing_and_removes_what_is_too_much(machine: Machine, project: Path) -> None:
    machine.pycompose("scale", "db=3", cwd=project)
    names = machine.pycompose("ps", "db", "--format", "{{.Name}}", cwd=project).stdout.split()
    assert names == ["inside-db-1", "inside-db-2", "inside-db-3"]
    machine.pycompose("scale", "db=1", cwd=project)
    assert machine.pycompose("ps", "db", "--format", "{{.Name}}", cwd=project).stdout.split() == ["inside-db-1"]


def test_cp_brings_a_tree_into_a_container_and_back(machine: Machine, project: Path, tmp_path: Path) -> None:
    source = tmp_path / "tree"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "words").write_text("from here\n")
    (source / "link").symlink_to("sub/words")
    machine.pycompose("cp", str(source), "db:/tree", cwd=project)
    assert machine.pycompose("exec", "db", "cat", "/tree/link", cwd=project).stdout == "from here\n"
    machine.pycompose("cp", "db:/tree/.", str(tmp_path / "back"), cwd=project)
    assert (tmp_path / "back" / "link").read_text() == "from here\n"
    missing = machine.pycompose("cp", "db:/none", str(tmp_path / "x"), cwd=project, succeeds=False)
    assert "there is no /none in the container" in missing.stderr


def test_a_dry_run_tells_of_every_step_and_changes_nothing(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("name: never\nservices: {web: {image: busybox, command: sleep 1000}}\n")
    done = machine.pycompose("--dry-run", "up", cwd=tmp_path)
    assert "DRY-RUN MODE -  Container never-web-1  Started" in done.stderr
    assert "never" not in machine.docker("ps", "-a").stdout + machine.docker("network", "ls").stdout
    refused = machine.pycompose("--dry-run", "exec", "web", "true", cwd=tmp_path, succeeds=False)
    assert refused.returncode != 0
