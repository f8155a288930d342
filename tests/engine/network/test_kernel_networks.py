"""Networks in the real kernel: who reaches whom, by which name and port, and what is left afterwards.

Traffic goes to loopback and to bridges and namespaces that the test made.
"""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from engine.errors import BadRequest, Conflict, EngineError, Forbidden, NoSuchNetwork
from engine.network.kernel.firewall import Firewall
from engine.network.kernel.rules import drop_table
from engine.network.names import dns
from engine.network.service import EndpointRequest, NetworkService
from engine.state.paths import Paths
from engine.wire.containers import PortBinding
from engine.wire.networks import IPAM, EndpointIPAMConfig, EndpointSettings, IPAMConfig, NetworkCreateRequest
from tests.engine.network.harness import running, traces
from tests.engine.network.hosts import Host, call, command, end, host_address, network, publish, wish
from tests.fakes.addresses import own_subnet

pytestmark = [pytest.mark.root, pytest.mark.anyio]


async def test_an_engine_that_did_nothing_leaves_nothing_and_knows_dockers_networks(paths: Paths) -> None:
    async with running(paths) as service:
        assert [(record.name, record.driver) for record in service.all()] == [
            ("bridge", "bridge"), ("host", "host"), ("none", "null"),
        ]  # fmt: skip
        assert traces(paths) == []


async def test_two_containers_of_a_network_reach_and_resolve_each_other(paths: Paths) -> None:
    web, app = wish("web", "front"), wish("app", "front")
    async with running(paths) as service:
        await network(service, "front")
        await service.open_sandbox(web)
        sandbox = await service.open_sandbox(app)
        address = sandbox.networks["front"].ip_address
        inside = Host(paths, web)
        for name in ("app", "app-alias", "APP.front", app.container_id[:12]):
            assert await inside.resolve(name) == (dns.NOERROR, [address])
        assert await inside.resolve("app", dns.TYPE_AAAA) == (dns.NOERROR, [])
        with Host(paths, app).serving():
            assert (
                await inside.call(address, 80)
                == service.inspect(service.get("front")).containers[web.container_id].ipv4_address.partition("/")[0]
            )
        await end(service, web, app)
        assert traces(paths) == []


async def test_networks_are_isolated_from_each_other(paths: Paths) -> None:
    web, data = wish("web", "front"), wish("db", "back")
    async with running(paths) as service:
        for name in ("front", "back"):
            await network(service, name)
        await service.open_sandbox(web)
        sandbox = await service.open_sandbox(data)
        with Host(paths, data).serving(), pytest.raises(TimeoutError):
            await Host(paths, web).call(sandbox.networks["back"].ip_address, 80, within_seconds=0.3)
        await end(service, web, data)


async def test_an_internal_network_has_no_way_out(paths: Paths) -> None:
    web, data, app = wish("web", "front", ports=publish(tcp=PortBinding())), wish("db", "back"), wish("app", "back")
    async with running(paths) as service:
        await network(service, "front")
        await network(service, "back", internal=True)
        port = int((await service.open_sandbox(web)).ports["80/tcp"][0].host_port)
        sandbox = await service.open_sandbox(data)
        await service.open_sandbox(app)
        assert sandbox.networks["back"].gateway == ""
        with host_address() as outside, Host(paths, web).serving(), Host(paths, data).serving():
            assert await Host(paths, app).call(sandbox.networks["back"].ip_address, 80)
            with pytest.raises(OSError, match="unreachable"):
                await Host(paths, app).call(outside, port)
        assert (await Host(paths, app).resolve("example.com"))[0] == dns.SERVFAIL
        await end(service, web, data, app)


async def test_a_container_that_starts_again_has_the_address_it_had_unless_another_took_it(paths: Paths) -> None:
    async def address(service: NetworkService, name: str) -> str:
        return (await service.open_sandbox(wish(name, "front"))).networks["front"].ip_address

    async with running(paths) as service:
        await network(service, "front")
        web, data = await address(service, "web"), await address(service, "db")
        for name in ("web", "db"):
            await service.close_sandbox(wish(name).container_id)
        assert await address(service, "db") == data
    async with running(paths) as service:
        await service.close_sandbox(wish("db").container_id)
        assert await address(service, "app") == web
        assert await address(service, "db") == data
        assert await address(service, "web") not in (web, data)
        await end(service, wish("web"), wish("db"), wish("app"))


async def test_what_an_internal_network_sends_never_passes_as_part_of_a_known_connection(paths: Paths) -> None:
    show = ["nft", "list", "chain", "inet", f"pycompose_{paths.tag}", "forward"]
    async with running(paths) as service:
        await network(service, "front")
        assert b"established,related accept" in (await anyio.run_process(show)).stdout
        await network(service, "back", internal=True)
        assert b"established,related iifname != @internal accept" in (await anyio.run_process(show)).stdout
        await service.prune(lambda _record: True)


async def test_a_refusal_of_the_kernel_undoes_everything(paths: Paths) -> None:
    wrong = wish("web", "bridge", sysctls={"net.ipv4.no_such_thing": "1"}, ports=publish(tcp=PortBinding()))
    async with running(paths) as service:
        with pytest.raises(EngineError, match=r"open sysctl net.ipv4.no_such_thing file"):
            await service.open_sandbox(wrong)
        assert traces(paths) == []


async def test_the_default_network_has_a_bridge_only_while_it_is_used(paths: Paths) -> None:
    web, app = wish("web", "default"), wish("app", "bridge")
    async with running(paths) as service:
        await service.open_sandbox(web)
        sandbox = await service.open_sandbox(app)
        assert sandbox.networks["bridge"].dns_names is None
        assert "nameserver 127.0.0.11" in sandbox.resolv_conf
        with Host(paths, app).serving():
            await Host(paths, web).call(sandbox.networks["bridge"].ip_address, 80)
        await end(service, web, app)
        assert traces(paths) == []


async def test_who_comes_while_the_default_networks_bridge_goes_gets_a_new_one(paths: Paths) -> None:
    async with running(paths) as service:
        for number in range(10):
            first, second = wish(f"first{number}", "default"), wish(f"second{number}", "default")
            await service.open_sandbox(first)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(end, service, first)
                await anyio.sleep(0.002 * number)  # somewhere in the bridge's end, which takes some milliseconds
                await service.open_sandbox(second)
            assert traces(paths) != []
            await end(service, second)
        assert traces(paths) == []


async def test_a_sandbox_without_networks_has_only_loopback(paths: Paths) -> None:
    alone = wish("alone")
    async with running(paths) as service:
        await service.open_sandbox(alone)
        links = await Host(paths, alone).do(lambda: [name for _index, name in socket.if_nameindex()])
        assert links == ["lo"]
        await end(service, alone)


async def test_after_the_engine_died_a_new_one_knows_serves_and_removes_everything(paths: Paths) -> None:
    web = wish("web", "front", ports=publish(tcp=PortBinding()))
    gone = wish("gone", "front")
    async with running(paths) as service:
        await network(service, "front")
        before = await service.open_sandbox(web)
        await service.open_sandbox(gone)
    port = int(before.ports["80/tcp"][0].host_port)
    with Host(paths, web).serving():
        assert await anyio.to_thread.run_sync(call, "127.0.0.1", port)
        with closing(Firewall(paths.tag)) as firewall:
            await firewall.apply(drop_table(paths.tag))
        command("umount", paths.namespaces / gone.container_id)
        async with running(paths) as service:
            assert await service.adopt_sandbox(web.container_id) == before
            assert await service.adopt_sandbox(gone.container_id) is None
            assert await anyio.to_thread.run_sync(call, "127.0.0.1", port)
            assert await anyio.to_thread.run_sync(call, "::1", port)
            assert (await Host(paths, web).resolve("web"))[0] == dns.NOERROR
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
    async with running(paths) as service:
        await end(service, web)
        assert traces(paths) == []


async def test_what_no_record_knows_is_removed_at_the_start_and_lost_bridges_come_back(paths: Paths) -> None:
    web, app = wish("web", "front"), wish("app", "front")
    async with running(paths) as service:
        await network(service, "front")
        await service.open_sandbox(web)
        address = (await service.open_sandbox(app)).networks["front"].ip_address
        bridge = f"pc{paths.tag}{service.get('front').id[:8]}"
    command("ip", "link", "delete", bridge)
    command("ip", "link", "add", f"pc{paths.tag}0000dead", "type", "bridge")
    command("ip", "link", "add", f"pcv{paths.tag}0000dead", "type", "bridge")
    async with running(paths) as service:
        assert not [trace for trace in traces(paths) if trace.endswith("0000dead")]
        with Host(paths, app).serving():
            assert await Host(paths, web).call(address, 80)
        await end(service, web, app)


async def test_a_running_container_joins_and_leaves_networks(paths: Paths) -> None:
    web, data = wish("web", "front", ports=publish(tcp=PortBinding())), wish("db", "back")
    async with running(paths) as service:
        for name in ("front", "back"):
            await network(service, name)
        port = int((await service.open_sandbox(web)).ports["80/tcp"][0].host_port)
        address = (await service.open_sandbox(data)).networks["back"].ip_address
        inside = Host(paths, web)
        joined = await service.connect(web.container_id, EndpointRequest("back"), "web")
        assert set(joined.networks) == {"front", "back"}
        with Host(paths, data).serving(), inside.serving():
            assert await inside.resolve("db") == (dns.NOERROR, [address])
            assert await inside.call(address, 80) == joined.networks["back"].ip_address
            with pytest.raises(Forbidden, match="already exists in network back"):
                await service.connect(web.container_id, EndpointRequest("back"), "web")
            left = await service.disconnect(web.container_id, "front")
            assert set(left.networks) == {"back"}
            assert await anyio.to_thread.run_sync(call, "127.0.0.1", port)
            assert await anyio.to_thread.run_sync(call, "::1", port)
        await service.rename(web.container_id, "shop")
        assert (await Host(paths, data).resolve("shop"))[1] == [left.networks["back"].ip_address]
        await end(service, web, data)


async def test_an_ipv6_network_gives_addresses_routes_and_names_of_both_kinds(paths: Paths) -> None:
    web = wish("web", "front", ports=publish(tcp=PortBinding()))
    app = wish("app", "front")
    async with running(paths) as service:
        await network(service, "front", enable_ipv6=True)
        sandbox = await service.open_sandbox(web)
        await service.open_sandbox(app)
        place = sandbox.networks["front"]
        with Host(paths, web).serving(family=socket.AF_INET6):
            caller = await Host(paths, app).call(place.global_ipv6_address, 80)
            assert caller == service.sandbox(app.container_id).networks["front"].global_ipv6_address  # type: ignore[union-attr]
            assert await anyio.to_thread.run_sync(call, "::1", int(sandbox.ports["80/tcp"][1].host_port))
        assert await Host(paths, app).resolve("web", dns.TYPE_AAAA) == (dns.NOERROR, [place.global_ipv6_address])
        await end(service, web, app)


async def test_static_addresses_need_a_network_with_a_chosen_subnet(paths: Paths) -> None:
    subnet = own_subnet()
    ninth = str(subnet[9])
    chosen = EndpointSettings(ipam_config=EndpointIPAMConfig(ipv4_address=ninth), mac_address="02:00:00:00:00:09")
    async with running(paths) as service:
        await network(service, "fixed", ipam=IPAM(config=[IPAMConfig(subnet=str(subnet))]))
        await network(service, "loose")
        fixed = wish("web", endpoints=(EndpointRequest("fixed", chosen),))
        place = (await service.open_sandbox(fixed)).networks["fixed"]
        assert (place.ip_address, place.mac_address) == (ninth, "02:00:00:00:00:09")
        with pytest.raises(BadRequest, match="user configured subnets"):
            await service.open_sandbox(wish("app", endpoints=(EndpointRequest("loose", chosen),)))
        with pytest.raises(Forbidden, match="already in use"):
            await service.open_sandbox(wish("app", endpoints=(EndpointRequest("fixed", chosen),)))
        with pytest.raises(Forbidden, match="overlaps"):
            await network(service, "again", ipam=IPAM(config=[IPAMConfig(subnet=str(subnet.supernet()))]))
        await end(service, fixed)


async def test_a_subnet_where_the_host_is_already_is_warned_of(paths: Paths, tmp_path: Path) -> None:
    other_paths = Paths(root=tmp_path / "state", run=tmp_path / "other-run")
    other_paths.make()
    subnet = str(own_subnet())
    wanted = NetworkCreateRequest(name="office", ipam=IPAM(config=[IPAMConfig(subnet=subnet)]))
    async with running(other_paths) as other, running(paths) as service:
        assert (await other.create(wanted)).warning == ""
        try:
            assert subnet in (await service.create(wanted)).warning
        finally:
            await end(service)
            await end(other)


async def test_networks_that_cannot_be_made_or_removed_say_why(paths: Paths) -> None:
    web = wish("web", "front")
    async with running(paths) as service:
        await network(service, "front")
        await service.open_sandbox(web)
        with pytest.raises(Conflict, match="network with name front already exists"):
            await network(service, "front")
        with pytest.raises(Forbidden, match=r'has active endpoints \(name:"web"'):
            await service.remove("front")
        with pytest.raises(Forbidden, match="pre-defined"):
            await service.remove("bridge")
        with pytest.raises(NoSuchNetwork):
            await service.open_sandbox(wish("app", "front", "nowhere"))
        await end(service, web)


async def test_twenty_sandboxes_open_and_close_at_once(paths: Paths) -> None:
    requests = [wish(f"web{number}", "front", ports=publish(tcp=PortBinding())) for number in range(20)]
    async with running(paths) as service:
        await network(service, "front")
        async with anyio.create_task_group() as tasks:
            for request in requests:
                tasks.start_soon(service.open_sandbox, request)
        addresses = {service.sandbox(request.container_id).networks["front"].ip_address for request in requests}  # type: ignore[union-attr]
        assert len(addresses) == 20
        async with anyio.create_task_group() as tasks:
            for request in requests:
                tasks.start_soon(service.close_sandbox, request.container_id)
        await end(service)


async def test_a_cancelled_opening_leaves_nothing(paths: Paths) -> None:
    async with running(paths) as service:
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(service.open_sandbox, wish(f"web{number}", "bridge", ports=publish(tcp=PortBinding())))
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert [record for record in range(3) if service.sandbox(wish(f"web{record}").container_id)] == []
        assert traces(paths) == []
