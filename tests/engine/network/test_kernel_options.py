"""What networks' options and drivers do to the kernel: who reaches whom, and what is left afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from engine.errors import BadRequest, EngineError, Forbidden
from engine.kernel.namespaces import drop_network_namespace, inside_network, make_network_namespace
from engine.network.kernel import netlink
from engine.network.service import EndpointRequest
from engine.state.paths import Paths
from engine.wire.containers import PortBinding
from engine.wire.networks import IPAM, ConfigReference, EndpointIPAMConfig, EndpointSettings, IPAMConfig
from tests.engine.network.harness import running
from tests.engine.network.hosts import Host, call, command, end, link_pair, network, publish, wish
from tests.fakes.addresses import own_outside, own_subnet

pytestmark = [pytest.mark.root, pytest.mark.anyio]

BRIDGE = "com.docker.network.bridge."
SUBNET = own_subnet()
GATEWAY = str(SUBNET[1])
IPAM_CHOSEN = IPAM(config=[IPAMConfig(subnet=str(SUBNET))])
HERE, THERE = str(own_outside()[1]), str(own_outside()[2])


class Neighbour:
    """Another machine on a link of the host, which sends what is for `SUBNET` through the host."""

    def __init__(self, namespace: Path) -> None:
        self._namespace = namespace

    async def reaches(self, address: str, port: int, *, within_seconds: float = 30) -> bool:
        """Whether somebody answers there."""
        ask = partial(call, address, port, within_seconds)
        try:
            await anyio.to_thread.run_sync(partial(inside_network, self._namespace, ask))
        except OSError:
            return False
        return True


def has_no_ipv6(link: str) -> bool:
    return Path(f"/proc/sys/net/ipv6/conf/{link}/disable_ipv6").read_text() == "1\n"


@pytest.fixture
def neighbour(tmp_path: Path) -> Iterator[Neighbour]:
    path = tmp_path / "neighbour"
    make_network_namespace(path)
    descriptor = os.open(path, os.O_RDONLY)
    inside = ("nsenter", f"--net={path}", "ip")
    prefix_length = own_outside().prefixlen
    try:
        with link_pair() as (here, there):
            command("ip", "address", "add", f"{HERE}/{prefix_length}", "dev", here)
            command("ip", "link", "set", there, "netns", f"/proc/{os.getpid()}/fd/{descriptor}")
            command(*inside, "address", "add", f"{THERE}/{prefix_length}", "dev", there)
            command(*inside, "link", "set", there, "up")
            command(*inside, "route", "add", str(SUBNET), "via", HERE)
            yield Neighbour(path)
    finally:
        os.close(descriptor)
        drop_network_namespace(path)


@pytest.mark.parametrize(
    ("mode", "published", "other"),
    [("nat", False, False), ("nat-unprotected", True, True), ("routed", True, False)],
)
async def test_neighbours_reach_a_container_itself_only_as_far_as_the_gateway_mode_says(
    paths: Paths, neighbour: Neighbour, mode: str, published: bool, other: bool
) -> None:
    web = wish("web", "front", ports=publish(tcp=PortBinding(host_ip="0.0.0.0")))
    async with running(paths) as service:
        await network(service, "front", ipam=IPAM_CHOSEN, options={f"{BRIDGE}gateway_mode_ipv4": mode})
        sandbox = await service.open_sandbox(web)
        address = sandbox.networks["front"].ip_address
        with Host(paths, web).serving(), Host(paths, web).serving(81):
            for port, is_open in ((80, published), (81, other)):
                assert await neighbour.reaches(address, port, within_seconds=30 if is_open else 0.5) == is_open
            (binding,) = sandbox.ports["80/tcp"]
            if mode == "routed":
                assert binding == PortBinding(host_ip="0.0.0.0", host_port="")
            else:
                assert await neighbour.reaches(HERE, int(binding.host_port))
        await end(service, web)


async def test_containers_that_must_not_talk_are_kept_apart_but_reach_published_ports(paths: Paths) -> None:
    web, app = wish("web", "front", ports=publish(tcp=PortBinding(host_ip="0.0.0.0"))), wish("app", "front")
    async with running(paths) as service:
        await network(service, "front", ipam=IPAM_CHOSEN, options={f"{BRIDGE}enable_icc": "false"})
        sandbox = await service.open_sandbox(web)
        await service.open_sandbox(app)
        with Host(paths, web).serving():
            with pytest.raises(TimeoutError):
                await Host(paths, app).call(sandbox.networks["front"].ip_address, 80, within_seconds=0.5)
            assert await Host(paths, app).call(GATEWAY, int(sandbox.ports["80/tcp"][0].host_port))
        await end(service, web, app)


async def test_a_bridge_has_the_name_and_mtu_that_the_user_wants_and_goes_with_its_network(paths: Paths) -> None:
    name = f"pctbr{os.getpid()}"[:15]
    options = {f"{BRIDGE}name": name, "com.docker.network.driver.mtu": "1300"}
    web, app = wish("web", "front"), wish("app", "front")
    async with running(paths) as service:
        await network(service, "front", options=options)
        await service.open_sandbox(web)
        sandbox = await service.open_sandbox(app)
        bridge = netlink.find_link(name)
        assert bridge is not None
        assert (bridge.mtu, bridge.kind, bridge.is_up) == (1300, "bridge", True)
        with Host(paths, app).serving():
            assert await Host(paths, web).call(sandbox.networks["front"].ip_address, 80)
        with pytest.raises(Forbidden, match="networks have same bridge name"):
            await network(service, "again", options=options)
    async with running(paths) as service:
        assert netlink.link_exists(name)
        await end(service, web, app)
        assert not netlink.link_exists(name)


async def test_a_bridge_of_the_users_is_used_and_left(paths: Paths) -> None:
    name = f"pctbu{os.getpid()}"[:15]
    web = wish("web", "front")
    command("ip", "link", "add", name, "type", "bridge")
    try:
        async with running(paths) as service:
            await network(service, "front", ipam=IPAM_CHOSEN, options={f"{BRIDGE}name": name})
            await service.open_sandbox(web)
            assert len(netlink.ports(name)) == 1
            assert not has_no_ipv6(name)
            await end(service, web)
            assert netlink.link_exists(name)
            with pytest.raises(EngineError, match="existing interface lo is not a bridge"):
                await network(service, "wrong", options={f"{BRIDGE}name": "lo"})
    finally:
        command("ip", "link", "delete", name)


async def test_a_bridge_that_somebody_removed_comes_back_with_the_next_container(paths: Paths) -> None:
    web, app = wish("web", "front"), wish("app", "front")
    async with running(paths) as service:
        await network(service, "front")
        sandbox = await service.open_sandbox(web)
        (bridge,) = (name for name in netlink.links_of(paths.tag) if not name.startswith("pcv"))
        command("ip", "link", "delete", bridge)
        await service.open_sandbox(app)
        with Host(paths, web).serving():
            assert await Host(paths, app).call(sandbox.networks["front"].ip_address, 80)
        await end(service, web, app)


async def test_an_isolated_network_has_no_address_on_the_host(paths: Paths) -> None:
    modes = {f"{BRIDGE}gateway_mode_ipv4": "isolated"}
    web, app = wish("web", "front"), wish("app", "front")
    async with running(paths) as service:
        await network(service, "front", internal=True, ipam=IPAM_CHOSEN, options=modes)
        sandbox = await service.open_sandbox(web)
        await service.open_sandbox(app)
        with Host(paths, web).serving():
            assert await Host(paths, app).call(sandbox.networks["front"].ip_address, 80)
            with pytest.raises(OSError, match=r"timed out|unreachable"):
                await anyio.to_thread.run_sync(call, sandbox.networks["front"].ip_address, 80, 0.5)
        assert sandbox.networks["front"].gateway == ""
        await end(service, web, app)


async def test_a_network_takes_the_configuration_that_another_keeps(paths: Paths) -> None:
    mtu = {"com.docker.network.driver.mtu": "1300"}
    async with running(paths) as service:
        await network(service, "kept", config_only=True, ipam=IPAM_CHOSEN, options=mtu)
        with pytest.raises(Forbidden, match="cannot create endpoint on configuration-only network"):
            await service.open_sandbox(wish("web", "kept"))
        await network(service, "front", config_from=ConfigReference(network="kept"))
        shown = service.inspect(service.get("front"))
        assert (shown.config_from.network, shown.options, shown.ipam.config) == ("kept", mtu, IPAM_CHOSEN.config)
        with pytest.raises(Forbidden, match='configuration network "kept" is in use'):
            await service.remove("kept")
        await service.remove("front")
        await service.remove("kept")


async def test_a_connection_that_fails_half_way_leaves_no_link(paths: Paths) -> None:
    web = wish("web", "front")
    sysctl = {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.nothing=1"}
    async with running(paths) as service:
        await network(service, "front")
        await network(service, "back")
        await service.open_sandbox(web)
        for _ in range(2):
            wishes = EndpointRequest("back", EndpointSettings(driver_opts=sysctl))
            with pytest.raises(EngineError, match=r"open sysctl net.ipv4.conf.eth1.nothing file"):
                await service.connect(web.container_id, wishes, "web")
        with pytest.raises(BadRequest, match="has an interface of the name eth0 already"):
            taken = EndpointSettings(driver_opts={"com.docker.network.endpoint.ifname": "eth0"})
            await service.connect(web.container_id, EndpointRequest("back", taken), "web")
        await service.connect(web.container_id, EndpointRequest("back"), "web")
        await end(service, web)


async def test_an_interface_has_the_name_addresses_and_parameters_that_are_asked_for(paths: Paths) -> None:
    options = {
        "com.docker.network.endpoint.ifname": "lan0",
        "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1",
    }
    local = EndpointSettings(driver_opts=options, ipam_config=EndpointIPAMConfig(link_local_ips=["169.254.9.9"]))
    web = wish("web", endpoints=(EndpointRequest("front", local),))
    async with running(paths) as service:
        await network(service, "front")
        await service.open_sandbox(web)
        value = await Host(paths, web).do(Path("/proc/sys/net/ipv4/conf/lan0/log_martians").read_text)
        assert value.strip() == "1"
        with Host(paths, web).serving():
            assert await Host(paths, web).call("169.254.9.9", 80)
        await end(service, web)


async def test_an_ambiguous_id_is_called_so(paths: Paths) -> None:
    async with running(paths) as service:
        for number in range(17):  # two of them begin alike
            await network(service, f"n{number}", config_only=True)
        firsts = [record.id[0] for record in service.all()]
        prefix = max(firsts, key=firsts.count)
        with pytest.raises(
            BadRequest, match=rf"network {prefix} is ambiguous \(\d+ matches found based on ID prefix\)"
        ):
            service.get(prefix)
        for number in range(17):
            await service.remove(f"n{number}")
