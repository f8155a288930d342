"""Networks on links of the host, macvlan and ipvlan: they work, or are refused by name."""

from __future__ import annotations

import os
import subprocess

import anyio
import anyio.to_thread
import pytest

from engine.errors import EngineError, NoSuchNetwork, NotFound
from engine.network.kernel import netlink
from engine.state.paths import Paths
from engine.wire.networks import IPAM, IPAMConfig
from tests.engine.network.harness import running
from tests.engine.network.hosts import Host, call, command, end, link_pair, network, wish
from tests.fakes.addresses import own_subnet

pytestmark = [pytest.mark.root, pytest.mark.anyio]

SUBNET = own_subnet()
GATEWAY = str(SUBNET[1])
IPAM_CHOSEN = IPAM(config=[IPAMConfig(subnet=str(SUBNET))])


def has_links_of(kind: str, parent: str) -> bool:
    """Whether the kernel can make such links."""
    probe = f"pctp{os.getpid()}"
    add = ["ip", "link", "add", "link", parent, probe, "type", kind]
    if subprocess.run(add, check=False, capture_output=True).returncode:
        return False
    command("ip", "link", "delete", probe)
    return True


async def test_containers_on_a_macvlan_reach_each_other_over_its_parent_and_the_link_is_left(paths: Paths) -> None:
    web, app = wish("web", "lan"), wish("app", "lan")
    with link_pair() as (parent, other):
        async with running(paths) as service:
            await network(service, "lan", driver="macvlan", ipam=IPAM_CHOSEN, options={"parent": parent})
            sandbox = await service.open_sandbox(web)
            await service.open_sandbox(app)
            assert sandbox.networks["lan"].gateway == GATEWAY
            command("ip", "address", "add", f"{GATEWAY}/24", "dev", other)
            with Host(paths, web).serving():
                for name in ("web", "web-alias"):
                    assert await Host(paths, app).resolve(name) == (0, [sandbox.networks["lan"].ip_address])
                assert await Host(paths, app).call(sandbox.networks["lan"].ip_address, 80)
                assert await anyio.to_thread.run_sync(call, sandbox.networks["lan"].ip_address, 80)
            await end(service, web, app)
            assert netlink.link_exists(parent)


async def test_what_the_kernel_has_no_driver_for_is_refused_and_leaves_nothing(paths: Paths) -> None:
    async with running(paths) as service:
        with pytest.raises(EngineError, match="invalid subinterface vlan name nosuch0"):
            await network(service, "lan", driver="macvlan", options={"parent": "nosuch0"})
        with pytest.raises(EngineError, match="loopback interface is not a valid macvlan parent link"):
            await network(service, "lan", driver="macvlan", options={"parent": "lo"})
        with pytest.raises(NoSuchNetwork):
            service.get("lan")
        with pytest.raises(NotFound, match='plugin "weave" not found'):
            await network(service, "lan", driver="weave")


@pytest.mark.parametrize("mode", ["l2", "l3"])
async def test_an_ipvlan_works_or_is_refused_by_name(paths: Paths, mode: str) -> None:
    web, app = wish("web", "lan"), wish("app", "lan")
    with link_pair() as (parent, _other):
        async with running(paths) as service:
            options = {"parent": parent, "ipvlan_mode": mode}
            await network(service, "lan", driver="ipvlan", ipam=IPAM_CHOSEN, options=options)
            if not has_links_of("ipvlan", parent):
                with pytest.raises(EngineError, match=r"refused to create ipvlan eth0: .*has no links of that kind"):
                    await service.open_sandbox(web)
            else:
                sandbox = await service.open_sandbox(web)
                assert sandbox.networks["lan"].mac_address == ""
                await service.open_sandbox(app)
                with Host(paths, web).serving():
                    assert await Host(paths, app).call(sandbox.networks["lan"].ip_address, 80)
            await end(service, web, app)


async def test_a_parent_that_went_away_is_named_when_a_container_starts(paths: Paths) -> None:
    async with running(paths) as service:
        with link_pair() as (parent, _other):
            await network(service, "lan", driver="macvlan", ipam=IPAM_CHOSEN, options={"parent": parent})
        with pytest.raises(EngineError, match=f"network lan hangs on the link {parent}, which is not there"):
            await service.open_sandbox(wish("web", "lan"))
        await end(service)
