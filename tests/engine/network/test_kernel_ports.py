"""Published ports in the real kernel: from where they are reached, and whose they are. Traffic goes to this host."""

from __future__ import annotations

import socket

import anyio
import anyio.to_thread
import pytest

from engine.errors import PortInUse
from engine.network.service import SandboxRequest
from engine.state.paths import Paths
from engine.wire.containers import PortBinding
from tests.engine.network.harness import running, traces
from tests.engine.network.hosts import Host, call, end, host_address, network, publish, udp_server, wish
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.anyio]


async def test_a_published_port_is_reached_at_every_address_of_the_host(paths: Paths) -> None:
    web = wish("web", "front", ports=publish(tcp=PortBinding()))
    async with running(paths) as service:
        await network(service, "front")
        sandbox = await service.open_sandbox(web)
        bindings = sandbox.ports["80/tcp"]
        assert [binding.host_ip for binding in bindings] == ["0.0.0.0", "::"]
        gateway = sandbox.networks["front"].gateway
        with host_address() as outside, Host(paths, web).serving():
            for address, seen_as in (("127.0.0.1", gateway), ("::1", gateway), (outside, outside)):
                assert await anyio.to_thread.run_sync(call, address, int(bindings[0].host_port)) == seen_as
        await end(service, web)


async def test_a_published_port_is_reached_from_the_container_itself_and_from_other_networks(paths: Paths) -> None:
    web, other, neighbour = (
        wish("web", "front", ports=publish(tcp=PortBinding())),
        wish("db", "back"),
        wish("x", "front"),
    )
    async with running(paths) as service:
        for name in ("front", "back"):
            await network(service, name)
        sandbox = await service.open_sandbox(web)
        for request in (other, neighbour):
            await service.open_sandbox(request)
        port = int(sandbox.ports["80/tcp"][0].host_port)
        with host_address() as outside, Host(paths, web).serving():
            for request in (web, other, neighbour):
                assert await Host(paths, request).call(outside, port)
        await end(service, web, other, neighbour)


async def test_a_port_published_on_localhost_is_not_reached_elsewhere(paths: Paths) -> None:
    web = wish("web", "front", ports=publish(tcp=PortBinding(host_ip="127.0.0.1")))
    async with running(paths) as service:
        await network(service, "front")
        sandbox = await service.open_sandbox(web)
        port = int(sandbox.ports["80/tcp"][0].host_port)
        with host_address() as outside, Host(paths, web).serving():
            assert await anyio.to_thread.run_sync(call, "127.0.0.1", port)
            with pytest.raises(ConnectionRefusedError):
                await anyio.to_thread.run_sync(call, outside, port)
        await end(service, web)


async def test_udp_is_published_too_also_to_those_who_asked_before(paths: Paths) -> None:
    web = wish("web", "front", ports=publish(udp=PortBinding(host_ip="127.0.0.1")))
    async with running(paths) as service:
        await network(service, "front")
        sandbox = await service.open_sandbox(web)
        port = sandbox.ports["80/udp"][0].host_port
        await service.close_sandbox(web.container_id)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(60)
            # Unconnected, or the refusal would be reported here: the kernel now tracks a flow that leads nowhere.
            client.sendto(b"too early", ("127.0.0.1", int(port)))
            again = wish("web", "front", ports=publish(udp=PortBinding(host_ip="127.0.0.1", host_port=port)))
            await service.open_sandbox(again)
            with await Host(paths, web).do(udp_server) as server:
                client.sendto(b"question", ("127.0.0.1", int(port)))
                question, caller = server.recvfrom(100)
                server.sendto(b"answer", caller)
                assert (question, client.recv(100)) == (b"question", b"answer")
        await end(service, web)


async def test_a_port_that_is_taken_fails_the_whole_sandbox_and_leaves_nothing_of_it(paths: Paths) -> None:
    web = wish("web", "front", ports=publish(tcp=PortBinding()))
    async with running(paths) as service:
        await network(service, "front")
        port = (await service.open_sandbox(web)).ports["80/tcp"][0].host_port
        late = wish("late", "front", ports=publish(tcp=PortBinding(host_port=port)))
        before = traces(paths)
        with pytest.raises(
            PortInUse, match=f"Bind for 0.0.0.0:{port} failed: port is already allocated by container web"
        ):
            await service.open_sandbox(late)
        assert traces(paths) == before
        assert service.sandbox(late.container_id) is None
        await end(service, web)


async def test_udp_on_ipv6_loopback_reaches_a_container_that_has_ipv4_only(paths: Paths) -> None:
    web = wish("web", "front", ports=publish(udp=PortBinding()))
    async with running(paths) as service:
        await network(service, "front")
        sandbox = await service.open_sandbox(web)
        assert [binding.host_ip for binding in sandbox.ports["80/udp"]] == ["0.0.0.0", "::"]
        port = int(sandbox.ports["80/udp"][1].host_port)
        with (
            await Host(paths, web).do(udp_server) as server,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client,
            socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other,
        ):
            for each, word in ((client, b"one"), (other, b"two"), (client, b"three")):
                each.settimeout(60)
                each.connect(("::1", port))
                each.send(word)
                question, caller = await anyio.to_thread.run_sync(server.recvfrom, 100)
                server.sendto(question.upper(), caller)
                assert await anyio.to_thread.run_sync(each.recv, 100) == word.upper()
        await end(service, web)


async def test_of_containers_that_race_for_a_port_one_gets_it(paths: Paths) -> None:
    port = str(free_port())
    racers = [wish(f"web{number}", "front", ports=publish(tcp=PortBinding(host_port=port))) for number in range(6)]
    refused: list[str] = []
    async with running(paths) as service:
        await network(service, "front")

        async def start(request: SandboxRequest) -> None:
            try:
                await service.open_sandbox(request)
            except PortInUse as exc:
                refused.append(exc.message)

        async with anyio.create_task_group() as tasks:
            for request in racers:
                tasks.start_soon(start, request)
        (winner,) = [request for request in racers if service.sandbox(request.container_id)]
        owner = f"Bind for 0.0.0.0:{port} failed: port is already allocated by container {winner.container_name}"
        assert refused == [owner] * 5
        with Host(paths, winner).serving():
            assert await anyio.to_thread.run_sync(call, "127.0.0.1", int(port))
        await service.close_sandbox(winner.container_id)
        await start(racers[0] if winner is not racers[0] else racers[1])
        assert refused == [owner] * 5
        await end(service, *racers)
