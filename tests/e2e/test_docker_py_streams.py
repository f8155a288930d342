"""docker-py reads logs, attached containers and execs: what it has to find in the streams, and when."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest
from docker.models.containers import Container

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

# Short against a race, long enough to lose it often.
TIMES = 10


@pytest.fixture(autouse=True, scope="module")
def _image(machine: Machine) -> None:
    machine.docker("pull", "--quiet", "busybox")


@pytest.fixture
def running(client: docker.DockerClient) -> Iterator[Container]:
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    yield container
    container.remove(force=True)


def test_the_log_of_a_short_program_is_there_as_soon_as_its_start_is_answered(client: docker.DockerClient) -> None:
    for _ in range(TIMES):
        container = client.containers.create("busybox", ["ls", "/"])
        try:
            container.start()
            assert b"etc\n" in container.logs()
        finally:
            container.remove(force=True)


def test_attaching_with_the_log_gives_all_of_it(client: docker.DockerClient) -> None:
    container = client.containers.run("busybox", ["echo", "hello"], detach=True)
    try:
        container.wait()
        assert {container.attach(stream=False, logs=True) for _ in range(TIMES)} == {b"hello\n"}
    finally:
        container.remove()


@pytest.mark.parametrize("demux", [False, True])
def test_the_output_of_an_execs_tty_needs_no_tty_at_its_start(running: Container, *, demux: bool) -> None:
    api = running.client.api
    said = api.exec_start(api.exec_create(running.id, ["sh", "-c", "echo out; echo err >&2"], tty=True), demux=demux)
    assert said == ((b"out\r\nerr\r\n", None) if demux else b"out\r\nerr\r\n")


def test_an_exec_that_was_started_before_says_so_in_its_output(running: Container) -> None:
    api = running.client.api
    made = api.exec_create(running.id, ["true"])
    api.exec_start(made)
    # docker compose starts each twice.
    assert api.exec_start(made) == f"exec command {made['Id']} has already run\r\n".encode()
    with pytest.raises(docker.errors.APIError, match="409"):
        api.exec_start(made, detach=True)


def test_an_exec_that_cannot_be_run_says_so_in_its_output(running: Container) -> None:
    code, said = running.exec_run(["no-such-program"])
    assert code == 127
    assert said.endswith(b'exec: "no-such-program": executable file not found in $PATH\r\n')
