"""Engines for the end-to-end tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.machine import ROOT, Machine


@pytest.fixture(scope="session")
def docker_program() -> str:
    """The real docker command line."""
    program = shutil.which("docker")
    if not program:
        pytest.fail("the end-to-end tests need a docker command line; `make test` gets one (scripts/docker-cli.sh)")
    return program


@pytest.fixture(scope="session")
def buildx_plugin() -> Path:
    """Docker's buildx plugin."""
    found = (
        os.environ.get("PYCOMPOSE_TEST_BUILDX")
        or subprocess.run(
            [ROOT / "scripts" / "docker-buildx.sh"], check=True, capture_output=True, text=True
        ).stdout.strip()
    )
    return Path(found)


@pytest.fixture(scope="module")
def machine(image_registry: str, docker_program: str) -> Iterator[Machine]:
    """An engine that the tests of one file share."""
    made = Machine.make(image_registry, docker_program)
    try:
        made.start_engine()
        yield made
    finally:
        made.destroy()


@pytest.fixture
def fresh_machine(image_registry: str, docker_program: str) -> Iterator[Machine]:
    """An engine for one test alone: not started, and without images."""
    made = Machine.make(image_registry, docker_program)
    try:
        yield made
    finally:
        made.destroy()


@pytest.fixture
def client(machine: Machine) -> Iterator[docker.DockerClient]:
    """docker-py's client of the shared engine."""
    connected = docker.DockerClient(base_url=machine.address, timeout=60)
    yield connected
    connected.close()
