"""docker-py, the library that testcontainers and many tools stand on, works against our engine."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import docker
import pytest
from docker.errors import APIError, ContainerError, NotFound

from tests.e2e.machine import Machine
from tests.fakes.addresses import own_subnet

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(autouse=True, scope="module")
def _image(machine: Machine) -> None:
    machine.docker("pull", "--quiet", "busybox")


def test_it_negotiates_a_version_and_pings(client: docker.DockerClient) -> None:
    assert client.ping()
    assert client.version()["ApiVersion"]


def test_run_returns_the_output(client: docker.DockerClient) -> None:
    client.images.pull("busybox", tag="1.36")
    assert client.containers.run("busybox:1.36", ["echo", "from a library"], remove=True) == b"from a library\n"


def test_a_failing_command_raises_with_its_exit_code_and_stderr(client: docker.DockerClient) -> None:
    with pytest.raises(ContainerError) as failure:
        client.containers.run("busybox", ["sh", "-c", "echo no >&2; exit 2"], remove=True)
    assert failure.value.exit_status == 2
    assert failure.value.stderr == b"no\n"


def test_a_detached_container_can_be_asked_waited_for_and_removed(client: docker.DockerClient) -> None:
    container = client.containers.run(
        "busybox", ["sh", "-c", "echo working; exit 3"], detach=True, labels={"kind": "job"}
    )
    try:
        assert container.wait() == {"StatusCode": 3}
        assert container.logs() == b"working\n"
        assert [found.id for found in client.containers.list(all=True, filters={"label": "kind=job"})] == [container.id]
    finally:
        container.remove(force=True)
    with pytest.raises(NotFound):
        client.containers.get(container.id)


def test_exec_tells_output_and_exit_code(client: docker.DockerClient) -> None:
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    try:
        code, output = container.exec_run(["sh", "-c", "hostname; exit 6"])
        assert (code, output.strip().decode()) == (6, container.short_id)
    finally:
        container.remove(force=True)


def test_a_missing_image_is_an_error_with_dockers_status(client: docker.DockerClient) -> None:
    with pytest.raises(APIError) as failure:
        client.images.pull("no-such-image", tag="anywhere")
    assert failure.value.status_code == 404


def test_a_network_with_a_chosen_subnet_gives_a_chosen_address(client: docker.DockerClient) -> None:
    subnet = own_subnet()
    pool = docker.types.IPAMPool(subnet=str(subnet))
    network = client.networks.create("chosen", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    try:
        wanted = client.api.create_endpoint_config(ipv4_address=str(subnet[77]))
        output = client.containers.run(
            "busybox", ["ip", "-4", "addr"], network="chosen", networking_config={"chosen": wanted}, remove=True
        )
        assert f"{subnet[77]}/24".encode() in output
    finally:
        network.remove()


def test_the_default_runtime_can_be_asked_for_by_dockers_name(client: docker.DockerClient) -> None:
    container = client.containers.run("busybox", ["true"], runtime="runc", detach=True)
    try:
        assert container.attrs["HostConfig"]["Runtime"] in client.info()["Runtimes"]
        assert container.wait()["StatusCode"] == 0
    finally:
        container.remove(force=True)
    if not shutil.which("runc"):
        assert client.info()["DefaultRuntime"] == "runc"


def test_an_old_client_is_told_in_a_listing_who_is_on_a_network(machine: Machine, client: docker.DockerClient) -> None:
    network = client.networks.create("listed")
    container = client.containers.run("busybox", ["sleep", "1000"], network="listed", detach=True)
    old = docker.APIClient(base_url=machine.address, version="1.24")
    try:
        assert list(old.networks(names=["listed"])[0]["Containers"]) == [container.id]
        assert client.api.networks(names=["listed"])[0]["Containers"] == {}
    finally:
        old.close()
        container.remove(force=True)
        network.remove()


def test_names_of_fields_may_be_written_in_any_case(client: docker.DockerClient) -> None:
    # docker-py spells this field in its own way.
    settings = client.api.create_host_config(cpu_rt_period=1000, cpu_rt_runtime=500)
    container = client.api.create_container("busybox", ["true"], host_config=settings)
    try:
        assert client.api.inspect_container(container)["HostConfig"]["CpuRealtimePeriod"] == 1000
    finally:
        client.api.remove_container(container)


def test_a_volume_was_created_at_a_time_without_a_fraction(client: docker.DockerClient) -> None:
    volume = client.volumes.create("timed")
    try:
        created = datetime.strptime(volume.attrs["CreatedAt"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert abs((datetime.now(UTC) - created).total_seconds()) < 60
    finally:
        volume.remove()
