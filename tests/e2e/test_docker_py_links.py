"""Docker's older links between containers of the default network, as docker-py makes, finds and removes them."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(autouse=True, scope="module")
def _image(machine: Machine) -> None:
    machine.docker("pull", "--quiet", "busybox")


@pytest.fixture
def database(client: docker.DockerClient) -> Iterator[Container]:
    container = client.containers.run(
        "busybox",
        ["sleep", "1000"],
        name="database",
        environment={"MODE": "fast"},
        ports={"5432/tcp": None},
        detach=True,
    )
    yield container
    container.remove(force=True)


@pytest.fixture
def web(client: docker.DockerClient, database: Container) -> Iterator[Container]:
    container = client.containers.run(
        "busybox", ["sleep", "1000"], name="web", links={database.name: "db"}, detach=True
    )
    yield container
    container.remove(force=True)


def test_a_linked_container_is_told_of_in_variables_and_the_hosts_file(web: Container, database: Container) -> None:
    address = database.client.api.inspect_container(database.id)["NetworkSettings"]["IPAddress"]
    told = web.exec_run(["env"]).output.decode().splitlines()
    assert f"DB_PORT_5432_TCP=tcp://{address}:5432" in told
    assert {"DB_NAME=/web/db", "DB_ENV_MODE=fast"} <= set(told)
    for name in ("db", "database", database.short_id):
        assert address in web.exec_run(["ping", "-c", "1", name]).output.decode()


def test_a_linked_container_has_a_second_name_until_the_link_is_removed(
    client: docker.DockerClient, web: Container, database: Container
) -> None:
    database.rename("postgres")
    assert client.api.inspect_container(web.id)["HostConfig"]["Links"] == ["/postgres:/web/db"]
    assert client.containers.get("web/db").id == database.id
    listed = client.api.containers(filters={"id": database.id})[0]
    assert listed["Names"] == ["/postgres", "/web/db"]
    with pytest.raises(APIError):
        client.api.remove_container("web", link=True)
    client.api.remove_container("web/db", link=True)
    with pytest.raises(NotFound):
        client.containers.get("web/db")
    assert client.containers.get("web").status == "running"
    assert client.containers.get("postgres").status == "running"


def test_who_links_to_a_container_that_does_not_run_cannot_start(client: docker.DockerClient, web: Container) -> None:
    web.stop(timeout=0)
    client.containers.get("database").stop(timeout=0)
    with pytest.raises(APIError, match="Cannot link to a non running container: /database AS /web/db"):
        web.start()
