"""The default network in the real kernel: its bridge comes with containers and goes a while after them."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import anyio
import pytest

from engine.network.planning.ipam import Pool
from engine.network.service import NetworkService
from engine.state.paths import Paths
from tests.engine.network.harness import running, traces
from tests.engine.network.hosts import end, wish
from tests.fakes.addresses import own_subnet

pytestmark = [pytest.mark.root, pytest.mark.anyio]


async def test_the_bridge_stays_for_the_next_container_and_goes_with_the_engine(paths: Paths) -> None:
    first, second = wish("first", "default"), wish("second", "default")
    async with running(paths, linger_seconds=3600.0) as service:
        await service.open_sandbox(first)
        bridge = bridges(paths)
        await end(service, first)
        assert bridges(paths) == bridge
        await service.open_sandbox(second)
        assert bridges(paths) == bridge
        await end(service, second)
    assert traces(paths) == []


async def test_an_engine_that_ends_leaves_the_bridge_to_those_who_are_on_it(paths: Paths) -> None:
    web = wish("web", "default")
    async with running(paths, linger_seconds=3600.0) as service:
        await service.open_sandbox(web)
        bridge = bridges(paths)
    assert bridges(paths) == bridge
    async with running(paths) as service:
        await end(service, web)
    assert traces(paths) == []


async def test_all_who_come_at_once_are_on_the_subnet_that_the_network_has_now(paths: Paths, tmp_path: Path) -> None:
    other_paths = Paths(root=tmp_path / "state", run=tmp_path / "other-run")
    other_paths.make()
    wishes = [wish(f"web{number}", "default") for number in range(8)]
    pools = [Pool(own_subnet(), 28)]
    async with running(other_paths, pools=pools) as other, running(paths, pools=pools) as service:
        before = subnet(service)
        assert subnet(other) == before
        await other.open_sandbox(first := wish("first", "default"))
        try:
            async with anyio.create_task_group() as tasks:
                for each in wishes:
                    tasks.start_soon(service.open_sandbox, each)
            after = ipaddress.ip_network(subnet(service))
            assert str(after) != before
            for each in wishes:
                sandbox = service.sandbox(each.container_id)
                assert sandbox is not None
                assert ipaddress.ip_address(sandbox.networks["bridge"].ip_address) in after
        finally:
            await end(service, *wishes)
            await end(other, first)


def bridges(paths: Paths) -> list[str]:
    """The bridges and tables that an engine has now."""
    return [trace for trace in traces(paths) if trace.startswith(f"pc{paths.tag}") or "table" in trace]


def subnet(service: NetworkService) -> str:
    """The default network's IPv4 subnet."""
    return service.get("bridge").subnets[0].subnet
