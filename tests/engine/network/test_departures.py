"""Namespaces and links that go a little later than whoever let go of them, many at once, in the real kernel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from engine.network.departures import Departures
from engine.network.kernel import route_socket
from engine.network.service import EndpointRequest
from engine.state.paths import Paths
from engine.wire.networks import IPAM, EndpointIPAMConfig, EndpointSettings, IPAMConfig
from tests.engine.network.harness import running, traces
from tests.engine.network.hosts import Host, end, network, wish
from tests.fakes.addresses import own_subnet

pytestmark = [pytest.mark.root, pytest.mark.anyio]

LINGER_SECONDS = 3600.0


async def test_a_network_goes_before_the_links_of_those_who_were_on_it_and_these_go_by_themselves(paths: Paths) -> None:
    wishes = [wish(f"web{number}", "front") for number in range(3)]
    async with running(paths, linger_seconds=LINGER_SECONDS) as service:
        await network(service, "front")
        for each in wishes:
            await service.open_sandbox(each)
        links = veths(paths)
        assert len(links) == 3
        for each in wishes:
            await service.close_sandbox(each.container_id)
        assert not list(paths.namespaces.iterdir())
        await service.remove("front")
        assert not [trace for trace in traces(paths) if trace not in links]
        await anyio.to_thread.run_sync(wait_until_gone, links)
        assert traces(paths) == []


async def test_an_engine_that_ends_leaves_no_links_though_somebody_has_a_namespace_still_open(paths: Paths) -> None:
    web, other = wish("web", "front"), wish("other", "front")
    async with running(paths, linger_seconds=LINGER_SECONDS) as service:
        await network(service, "front")
        await service.open_sandbox(web)
        await service.open_sandbox(other)
        somebodys = os.open(paths.namespaces / web.container_id, os.O_RDONLY)
        await end(service, web, other)
    try:
        assert traces(paths) == []
    finally:
        os.close(somebodys)


async def test_who_starts_again_is_reached_though_the_place_that_it_had_is_still_held(paths: Paths) -> None:
    subnet = own_subnet()
    address = str(subnet[9])
    settings = EndpointSettings(ipam_config=EndpointIPAMConfig(ipv4_address=address))
    web, other = wish("web", endpoints=(EndpointRequest("front", settings),)), wish("other", "front")
    async with running(paths, linger_seconds=LINGER_SECONDS) as service:
        await network(service, "front", ipam=IPAM(config=[IPAMConfig(subnet=str(subnet))]))
        await service.open_sandbox(other)
        for _ in range(3):
            await service.open_sandbox(web)
            with Host(paths, web).serving():
                assert await Host(paths, other).call(address, 80)
            await service.close_sandbox(web.container_id)
        await end(service, other)


async def test_no_more_than_a_few_dozen_are_held(paths: Paths, tmp_path: Path) -> None:
    departures = Departures(LINGER_SECONDS)
    places = [tmp_path / str(number) for number in range(200)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(departures.run)
        await anyio.wait_all_tasks_blocked()
        for place in places:
            place.touch()
            departures.drop(place, may_be_held=True)
            assert len(opened(tmp_path)) < 64
        assert opened(tmp_path)
        tasks.cancel_scope.cancel()
    assert not opened(tmp_path)


async def test_what_may_not_be_held_goes_at_once_and_so_does_everything_where_nothing_lingers(tmp_path: Path) -> None:
    departures, at_once = Departures(LINGER_SECONDS), Departures(0.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(departures.run)
        await anyio.wait_all_tasks_blocked()
        for each, may_be_held in ((departures, False), (at_once, True)):
            (tmp_path / "place").touch()
            each.drop(tmp_path / "place", may_be_held=may_be_held)
            assert not opened(tmp_path)
            assert not (tmp_path / "place").exists()
        tasks.cancel_scope.cancel()


def veths(paths: Paths) -> list[str]:
    """The host's ends of containers' links."""
    return [trace for trace in traces(paths) if trace.startswith(f"pcv{paths.tag}")]


def opened(directory: Path) -> list[Path]:
    """The files below a directory that this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one by which we are looking
            found.append(descriptor.readlink())
    return [path for path in found if path.is_relative_to(directory)]


def wait_until_gone(names: Iterable[str]) -> None:
    """Wait for the kernel to say so."""
    with route_socket.notices() as notices:
        notices.settimeout(60)
        while {link.name for link in route_socket.every()} & set(names):
            notices.recv(1 << 16)
