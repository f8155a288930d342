"""Projects made into other models, and out of containers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

TRANSFORMATION = """\
FROM busybox
LABEL com.docker.compose.bridge=transformation
RUN mkdir /templates && echo theirs > /templates/a.tmpl
CMD ["sh", "-c", "cat /in/compose.yaml > /out/seen.yaml; cp /templates/* /out; id -u; test ! -e /out/a.tmpl.fail"]
"""


@pytest.fixture(scope="module")
def transformation(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("transformation")
    (home / "Dockerfile").write_text(TRANSFORMATION)
    machine.docker("build", "-q", "-t", "my/transformation", str(home))
    return "my/transformation"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    (home / "key.txt").write_text("hidden\n")
    (home / "compose.yaml").write_text(
        "name: bridged\n"
        "services:\n"
        "  web: {image: nginx, ports: ['8080:80'], environment: {A: x$$y}, secrets: [key]}\n"
        "secrets: {key: {file: key.txt}}\n"
    )
    return home


def test_a_transformation_reads_the_project_and_writes_files(
    machine: Machine, transformation: str, project: Path
) -> None:
    (project / "out").mkdir()
    (project / "out" / "old").touch()
    done = machine.pycompose("bridge", "convert", "-t", transformation, cwd=project)
    assert done.stdout == "0\n"
    assert sorted(path.name for path in (project / "out").iterdir()) == ["a.tmpl", "seen.yaml"]
    seen = yaml.safe_load((project / "out" / "seen.yaml").read_text())
    assert seen["services"]["web"]["expose"] == ["80"]
    assert seen["services"]["web"]["environment"] == {"A": "x$y"}
    assert seen["secrets"]["key"]["content"] == "hidden\n"
    assert machine.docker("ps", "-aq").stdout == ""


def test_templates_may_be_replaced_and_its_exit_code_counts(
    machine: Machine, transformation: str, project: Path
) -> None:
    (project / "mine").mkdir()
    (project / "mine" / "a.tmpl.fail").touch()
    done = machine.pycompose(
        "bridge", "convert", "-t", transformation, "--templates", "mine", "-o", "made", cwd=project, succeeds=False
    )
    assert done.returncode == 1
    assert (project / "made" / "a.tmpl.fail").exists()


def test_the_project_itself_is_not_removed(machine: Machine, transformation: str, project: Path) -> None:
    done = machine.pycompose("bridge", "convert", "-t", transformation, "-o", ".", cwd=project, succeeds=False)
    assert "the project is in it" in done.stderr
    assert (project / "compose.yaml").exists()


def test_transformations_are_listed_and_begun(machine: Machine, transformation: str, tmp_path: Path) -> None:
    listed = machine.pycompose("bridge", "transformations", "list", cwd=tmp_path).stdout.splitlines()
    assert listed[0].split() == ["IMAGE", "ID", "REPO", "TAGS", "SIZE"]
    assert listed[1].split()[1:3] == [transformation, "latest"]
    assert (
        machine.pycompose("bridge", "transformations", "ls", "-q", cwd=tmp_path).stdout == f"{transformation}:latest\n"
    )
    found = json.loads(machine.pycompose("bridge", "transformations", "ls", "--format", "json", cwd=tmp_path).stdout)
    assert found[0]["RepoTags"] == [f"{transformation}:latest"]
    machine.pycompose("bridge", "transformations", "create", "--from", transformation, "own", cwd=tmp_path)
    assert (tmp_path / "own" / "templates" / "a.tmpl").read_text() == "theirs\n"
    assert "COPY templates /templates" in (tmp_path / "own" / "Dockerfile").read_text()
    create = ("bridge", "transformations", "create", "--from")
    again = machine.pycompose(*create, transformation, "own", cwd=tmp_path, succeeds=False)
    assert "already exists" in again.stderr
    absent = machine.pycompose(*create, "my/none", "other", cwd=tmp_path, succeeds=False)
    assert "No such image" in absent.stderr
    assert not (tmp_path / "other").exists()


def test_containers_become_a_project(machine: Machine, tmp_path: Path) -> None:
    machine.docker("run", "-d", "--name", "lone", "-e", "X=1", "-v", "kept:/kept", "busybox", "sleep", "1000")
    try:
        done = machine.pycompose("alpha", "generate", "--name", "made", "lone", cwd=tmp_path)
        (tmp_path / "compose.yaml").write_text(done.stdout)
        document = json.loads(machine.pycompose("config", "--format", "json", cwd=tmp_path).stdout)
        assert document["name"] == "made"
        assert document["services"]["lone"]["environment"]["X"] == "1"
        assert document["services"]["lone"]["volumes"][0]["source"] == "kept"
    finally:
        machine.docker("rm", "-f", "lone")
        machine.docker("volume", "rm", "kept")
    absent = machine.pycompose("alpha", "generate", "none", cwd=tmp_path, succeeds=False)
    assert (absent.returncode, "no container(s) found" in absent.stderr) == (1, True)


def test_the_graph_is_drawn(machine: Machine, project: Path) -> None:
    done = machine.pycompose("alpha", "viz", "--image", cwd=project)
    assert done.stdout.startswith('digraph "bridged" {\n\tlayout=dot;\n')
    assert "<b>Image:</b><br/>nginx" in done.stdout
