"""Real containers find each other, and share what they were told to share."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.wire.containers import (
    ContainerCreateRequest,
    HostConfig,
    NetworkingConfig,
    PortBinding,
)
from engine.wire.networks import EndpointSettings, NetworkCreateRequest
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]


async def test_containers_of_a_network_find_each_other_by_name_and_alias(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="app"))
    on_app = HostConfig(network_mode="app")
    settings = {"app": EndpointSettings(aliases=["db"])}
    request = ContainerCreateRequest(image="alpine:3.20", cmd=["sleep", "100"], host_config=on_app)
    request = _with_networks(request, settings)
    await engine.containers.create("server", request)
    await engine.containers.start("server")
    status, output = await engine.run("sh", "-c", "nslookup db && nslookup server", host=on_app)
    address = engine.containers.inspect("server").network_settings.networks["app"].ip_address
    assert status == 0
    assert output.count(address) >= 2


async def test_a_container_joins_the_network_and_processes_of_another(engine: Engine) -> None:
    shareable = HostConfig(ipc_mode="shareable")
    await engine.start(
        "sh", "-c", "echo hi > /dev/shm/note; exec sleep 100", name="first", hostname="shared", host=shareable
    )
    host = HostConfig(network_mode="container:first", pid_mode="container:first", ipc_mode="container:first")
    script = "hostname; ps | grep -c 'sleep 10[0]'; cat /dev/shm/note"
    status, output = await engine.run("sh", "-c", script, host=host)
    assert (status, output) == (0, "shared\n1\nhi\n")


async def test_host_and_none_networks_are_what_their_names_say(engine: Engine) -> None:
    _, links = await engine.run("ls", "/sys/class/net", host=HostConfig(network_mode="none"))
    assert "eth0" not in links.split()
    _, namespace = await engine.run("readlink", "/proc/self/ns/net", host=HostConfig(network_mode="host"))
    assert namespace.strip() == network_namespace()


async def test_a_published_port_is_shown_and_freed(engine: Engine) -> None:
    host = HostConfig(port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1")]})
    container = await engine.start("sleep", "100", host=host)
    ports = engine.containers.summaries(everything=False, limit=0, filters={})[0].ports
    assert [(port.ip, port.private_port) for port in ports] == [("127.0.0.1", 80)]
    bound = engine.containers.inspect(container).network_settings.ports["80/tcp"]
    assert bound is not None
    await engine.containers.stop(container, timeout_seconds=0)
    assert engine.containers.inspect(container).network_settings.ports == {}


async def test_networks_are_connected_and_disconnected_live(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="more"))
    container = await engine.start("sleep", "100")
    await engine.containers.connect("more", container, EndpointSettings(aliases=["x"]))
    assert set(engine.containers.inspect(container).network_settings.networks) == {"bridge", "more"}
    await engine.containers.disconnect("bridge", container, force=False)
    assert set(engine.containers.inspect(container).network_settings.networks) == {"more"}


def network_namespace() -> str:
    """What the kernel calls the one that the tests are in."""
    return str(Path("/proc/self/ns/net").readlink())


def _with_networks(request: ContainerCreateRequest, networks: dict[str, EndpointSettings]) -> ContainerCreateRequest:
    return msgspec.structs.replace(request, networking_config=NetworkingConfig(endpoints_config=networks))
