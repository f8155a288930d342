"""Engines for the end-to-end tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.machine import Machine


@pytest.fixture(scope="session")
def docker_program() -> str:
    """The real docker command line."""
    program = shutil.which("docker")
    if not program:
        pytest.fail("the end-to-end tests need a docker command line; `make test` gets one (scripts/docker-cli.sh)")
    return program


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
