"""Services by programs, and language models, with a real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.machine import Completed, Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

PROVIDER = """#!/bin/sh
[ "$2" = metadata ] && exit 1
echo "$*" >> "$CALLS"
case $3 in
  up) echo '{"type":"info","message":"making it"}'
      echo '{"type":"setenv","message":"URL='"${URL:-http://one}"'"}' ;;
  down) echo '{"type":"info","message":"dropping it"}' ;;
esac
"""
MODELS = """#!/bin/sh
case $1 in ls) echo '[]' ;; status) echo '{"endpoint":"http://models"}' ;; esac
"""


@pytest.fixture
def project(tmp_path: Path, machine: Machine) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    (home / "compose.yaml").write_text(
        "name: provided\n"
        "services:\n"
        "  app: {image: busybox, command: sleep 1000, stop_grace_period: 0s, depends_on: [db]}\n"
        "  db: {provider: {type: cloud, options: {size: 10}}}\n"
    )
    for path, script in (("bin/cloud", PROVIDER), ("docker/cli-plugins/docker-model", MODELS)):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_text(script)
        file.chmod(0o755)
    return home


def pycompose(machine: Machine, project: Path, *arguments: str, succeeds: bool = True, url: str = "") -> Completed:
    """Run our command line where it finds the programs."""
    home = project.parent
    return machine.pycompose(
        *arguments,
        cwd=project,
        succeeds=succeeds,
        PATH=f"{home}/bin:{machine.environment['PATH']}",
        CALLS=str(home / "calls"),
        DOCKER_CONFIG=str(home / "docker"),
        URL=url,
    )


def test_a_service_may_be_provided_by_a_program(machine: Machine, project: Path) -> None:
    rehearsed = pycompose(machine, project, "--dry-run", "up", "-d")
    assert "DRY-RUN MODE -  db  Created" in rehearsed.stderr
    assert not (project.parent / "calls").exists()
    try:
        up = pycompose(machine, project, "up", "-d")
        assert "db  making it" in up.stderr
        inside = pycompose(machine, project, "exec", "-T", "app", "env")
        assert "DB_URL=http://one" in inside.stdout.splitlines()
        again = pycompose(machine, project, "up", "-d")
        assert "Container provided-app-1  Running" in again.stderr
        plan = pycompose(machine, project, "plan", "--exit-code")
        assert "run db (provided by cloud)" in plan.stdout
        assert "1 kept" in plan.stdout
        moved = pycompose(machine, project, "up", "-d", url="http://two")
        assert "Container provided-app-1  Recreated" in moved.stderr
        one_off = pycompose(machine, project, "run", "--rm", "app", "env")
        assert "DB_URL=http://one" in one_off.stdout.splitlines()
        graph = pycompose(machine, project, "graph", "--format", "dot")
        assert "provider cloud" in graph.stdout
    finally:
        down = pycompose(machine, project, "down")
    assert "db  dropping it" in down.stderr
    calls = (project.parent / "calls").read_text().splitlines()
    assert calls[0] == "compose --project-name=provided up --size=10 db"
    assert calls[-1] == "compose --project-name=provided down --size=10 db"


def test_without_its_program_nothing_is_begun(machine: Machine, project: Path) -> None:
    done = machine.pycompose("up", "-d", cwd=project, succeeds=False)
    assert done.returncode == 1
    assert "compose.yaml:4:8: error: the provider `cloud` is neither" in done.stderr
    assert machine.docker("ps", "-aq").stdout == ""
    done = pycompose(machine, project, "run", "--rm", "db", "env", succeeds=False)
    assert "has no container" in done.stderr


def test_services_know_their_models(machine: Machine, project: Path) -> None:
    (project / "compose.yaml").write_text(
        "name: modelled\nservices: {app: {image: busybox, models: [llm]}}\nmodels: {llm: {model: ai/small}}\n"
    )
    done = pycompose(machine, project, "run", "--rm", "app", "env")
    assert {"LLM_MODEL=ai/small", "LLM_URL=http://models"} <= set(done.stdout.splitlines())
    without = machine.pycompose("up", "-d", cwd=project, succeeds=False)
    assert without.returncode == 1
    assert "install docker-model" in without.stderr
    pycompose(machine, project, "down")
