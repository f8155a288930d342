"""Builds whose client or engine goes away amid a step leave nothing."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.building import build, put, said
from tests.e2e.kernel import without_engine
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


def test_a_client_that_goes_away_ends_its_build_and_nothing_stays(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nRUN echo begun; sleep 1000\n")
    build(machine, "-", stdin="FROM busybox\n")
    before = without_engine(machine.kernel())
    with _begun(machine, tmp_path) as client:
        client.send_signal(signal.SIGINT)
        client.wait(60)
    machine.end_engine(signal.SIGTERM)  # it ends its builds first
    machine.start_engine()
    assert without_engine(machine.kernel()) == before
    assert list((machine.paths.root / "builds" / "tmp").iterdir()) == []


def test_an_engine_that_was_killed_in_a_build_leaves_nothing_to_the_next(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nRUN echo kept > /kept\nRUN echo begun; sleep 1000\n")
    build(machine, "-", stdin="FROM busybox\n")
    before = without_engine(machine.kernel())
    with _begun(machine, tmp_path) as client:
        machine.end_engine(signal.SIGKILL)
        client.wait(60)
    machine.start_engine()
    assert without_engine(machine.kernel()) == before
    assert list((machine.paths.root / "builds" / "tmp").iterdir()) == []
    put(tmp_path, Dockerfile="FROM busybox\nRUN echo kept > /kept\nRUN echo end\n")
    done = build(machine, tmp_path)
    assert done.stdout.count("---> Using cache") == 1
    assert said(done) == ["end"]


def _begun(machine: Machine, context: Path) -> subprocess.Popen[str]:
    """A build whose RUN has begun."""
    command = [machine.docker_program, "--host", machine.address, "build", str(context)]
    environment = {**machine.environment, "DOCKER_BUILDKIT": "0"}
    client = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
    )
    assert client.stdout
    assert any(line == "begun\n" for line in client.stdout)
    return client
