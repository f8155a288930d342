"""Published ports follow the endpoint that leads outside, and are others' while there is none."""

from __future__ import annotations

import socket

import pytest

from engine.errors import PortInUse
from engine.network.ports import Target, Wish, places
from engine.network.service import EndpointRequest, NetworkService
from engine.state.paths import Paths
from engine.wire.containers import PortBinding
from engine.wire.networks import EndpointSettings
from tests.engine.network.harness import running
from tests.engine.network.hosts import Host, call, end, network, publish, wish
from tests.fakes.ports import free_port

HOST_IP = "com.docker.network.bridge.host_binding_ipv4"


@pytest.fixture
def port() -> int:
    return free_port()


def at(port: int) -> dict[str, tuple[PortBinding, ...]]:
    return publish(tcp=PortBinding(host_ip="127.0.0.1", host_port=str(port)))


async def connect(service: NetworkService, container_id: str, name: str, gw_priority: int = 0) -> None:
    settings = EndpointSettings(gw_priority=gw_priority)
    await service.connect(container_id, EndpointRequest(name, settings), "web")


def ports_of(service: NetworkService, container_id: str) -> dict[str, list[PortBinding]]:
    sandbox = service.sandbox(container_id)
    assert sandbox is not None
    return sandbox.ports


@pytest.mark.anyio
@pytest.mark.root
async def test_ports_are_free_after_the_last_network_and_taken_again_with_the_next(paths: Paths, port: int) -> None:
    web, other = wish("web", "front", ports=at(port)), wish("other", "front", ports=at(port))
    async with running(paths) as service:
        await network(service, "front")
        await service.open_sandbox(web)
        await service.disconnect(web.container_id, "front")
        assert ports_of(service, web.container_id) == {}
        await service.open_sandbox(other)
        with Host(paths, other).serving():
            assert call("127.0.0.1", port)
        with pytest.raises(PortInUse, match="already allocated by container other"):
            await connect(service, web.container_id, "front")
        refused = service.sandbox(web.container_id)
        assert refused is not None
        assert refused.endpoints == []
        with Host(paths, other).serving():
            assert call("127.0.0.1", port)
        await service.close_sandbox(other.container_id)
        await connect(service, web.container_id, "front")
        with Host(paths, web).serving():
            assert call("127.0.0.1", port)
        await end(service, web)


@pytest.mark.anyio
@pytest.mark.root
async def test_an_internal_network_publishes_nothing_until_another_leads_outside(paths: Paths, port: int) -> None:
    web = wish("web", "inside", ports=at(port))
    async with running(paths) as service:
        await network(service, "inside", internal=True)
        await network(service, "front")
        sandbox = await service.open_sandbox(web)
        assert (sandbox.ports, sandbox.can_publish) == ({}, False)
        await connect(service, web.container_id, "front")
        assert ports_of(service, web.container_id) == {"80/tcp": list(at(port)["80/tcp"])}
        with Host(paths, web).serving():
            assert call("127.0.0.1", port)
        await service.disconnect(web.container_id, "front")
        with socket.create_server(("127.0.0.1", port)):
            assert ports_of(service, web.container_id) == {}
        await end(service, web)


@pytest.mark.anyio
@pytest.mark.root
async def test_ports_move_to_the_address_that_the_leading_network_publishes_on(paths: Paths, port: int) -> None:
    web = wish("web", "one", ports=publish(tcp=PortBinding(host_port=str(port))))
    async with running(paths) as service:
        await network(service, "one", options={HOST_IP: "127.0.0.2"})
        await network(service, "two", options={HOST_IP: "127.0.0.3"})
        await service.open_sandbox(web)
        with Host(paths, web).serving():
            assert call("127.0.0.2", port)
            await connect(service, web.container_id, "two", gw_priority=1)
            assert ports_of(service, web.container_id)["80/tcp"] == [
                PortBinding(host_ip="127.0.0.3", host_port=str(port))
            ]
            assert call("127.0.0.3", port)
            with socket.create_server(("127.0.0.2", port)):
                pass
        await end(service, web)


@pytest.mark.anyio
@pytest.mark.root
async def test_a_port_that_others_took_meanwhile_keeps_the_old_ones_published(paths: Paths, port: int) -> None:
    web = wish("web", "one", ports=publish(tcp=PortBinding(host_port=str(port))))
    async with running(paths) as service:
        await network(service, "one", options={HOST_IP: "127.0.0.2"})
        await network(service, "two", options={HOST_IP: "127.0.0.3"})
        await service.open_sandbox(web)
        with socket.create_server(("127.0.0.3", port)), pytest.raises(PortInUse):
            await connect(service, web.container_id, "two", gw_priority=1)
        assert ports_of(service, web.container_id)["80/tcp"] == [PortBinding(host_ip="127.0.0.2", host_port=str(port))]
        with Host(paths, web).serving():
            assert call("127.0.0.2", port)
        await end(service, web)


@pytest.mark.anyio
@pytest.mark.root
async def test_the_next_engine_publishes_what_could_not_be_had(paths: Paths, port: int) -> None:
    web = wish("web", "one", "two", ports=publish(tcp=PortBinding(host_port=str(port))))
    async with running(paths) as service:
        await network(service, "one", options={HOST_IP: "127.0.0.2"})
        await network(service, "two", options={HOST_IP: "127.0.0.3"})
        await service.open_sandbox(web)
        with socket.create_server(("127.0.0.3", port)):
            await service.disconnect(web.container_id, "one")
        assert ports_of(service, web.container_id) == {}
    async with running(paths) as service:
        await service.adopt_sandbox(web.container_id)
        with Host(paths, web).serving():
            assert call("127.0.0.3", port)
        await end(service, web)


@pytest.mark.anyio
@pytest.mark.root
async def test_ports_given_up_stay_given_up_for_the_next_engine(paths: Paths, port: int) -> None:
    web = wish("web", "front", ports=at(port))
    async with running(paths) as service:
        await network(service, "front")
        await service.open_sandbox(web)
        await service.disconnect(web.container_id, "front")
    async with running(paths) as service:
        await service.adopt_sandbox(web.container_id)
        with socket.create_server(("127.0.0.1", port)):
            assert ports_of(service, web.container_id) == {}
        await connect(service, web.container_id, "front")
        with Host(paths, web).serving():
            assert call("127.0.0.1", port)
        await end(service, web)


def test_ports_can_move_as_they_are_between_targets_that_publish_at_the_same_places() -> None:
    wanted = [Wish("tcp", 80, "127.0.0.1", None), Wish("udp", 53, "", None)]
    here, there = Target("10.0.0.2"), Target("10.0.1.2", "fd00::2")
    assert places(wanted, here) == places(wanted, there)
    assert places(wanted, here) != places(wanted, Target())
    assert places(wanted, here) != places(wanted, Target("10.0.0.2", routes4=True))
    assert places(wanted, here) != places(wanted, Target("10.0.0.2", host_ip="127.0.0.2"))
