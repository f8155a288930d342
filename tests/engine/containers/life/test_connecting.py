"""Connecting and disconnecting real containers, running and stopped, in Docker's words where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import BadRequest, EngineError, Forbidden, NoSuchNetwork
from engine.wire.containers import HostConfig
from engine.wire.networks import EndpointIPAMConfig, EndpointSettings, NetworkCreateRequest
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]

PLAIN = EndpointSettings()


async def test_what_has_no_network_of_its_own_is_connected_to_none(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="more"))
    owner = await engine.start("sleep", "100")
    for mode, words in (
        ("host", "container sharing network namespace with another container or host cannot be connected to any"),
        (f"container:{owner}", "container sharing network namespace with another container or host"),
        ("none", "container cannot be connected to multiple networks with one of the networks in private"),
    ):
        other = await engine.start("sleep", "100", host=HostConfig(network_mode=mode))
        with pytest.raises(BadRequest, match=words):
            await engine.containers.connect("more", other, PLAIN)
    with pytest.raises(BadRequest, match="cannot connect container to host network - container must be created in"):
        await engine.containers.connect("host", owner, PLAIN)
    with pytest.raises(BadRequest, match=r"in private \(none\) mode"):
        await engine.containers.connect("none", owner, PLAIN)
    on_host = await engine.create("true", host=HostConfig(network_mode="host"))
    with pytest.raises(BadRequest, match="cannot disconnect container from host network"):
        await engine.containers.disconnect("host", on_host, force=False)


async def test_a_running_container_is_connected_once_and_a_stopped_one_as_often_as_one_likes(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="more"))
    running, stopped = await engine.start("sleep", "100", name="web"), await engine.create("true")
    for container in (running, stopped):
        await engine.containers.connect("more", container, PLAIN)
    await engine.containers.connect("more", stopped, PLAIN)
    with pytest.raises(Forbidden, match="endpoint with name web already exists in network more"):
        await engine.containers.connect("more", running, PLAIN)
    outside = EndpointSettings(ipam_config=EndpointIPAMConfig(ipv4_address="203.0.113.9"))
    await engine.networks.create(NetworkCreateRequest(name="third"))
    for container in (running, stopped):
        with pytest.raises(BadRequest, match="user specified IP address is supported only when connecting"):
            await engine.containers.connect("third", container, outside)


async def test_what_a_container_is_not_on_it_cannot_leave(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="more"))
    running, stopped = await engine.start("sleep", "100"), await engine.create("true")
    with pytest.raises(EngineError, match=f"container {running} is not connected to network more"):
        await engine.containers.disconnect("more", running, force=True)
    with pytest.raises(EngineError, match=f"container {stopped} is not connected to the network more"):
        await engine.containers.disconnect("more", stopped, force=False)
    with pytest.raises(NoSuchNetwork):
        await engine.containers.disconnect("nowhere", running, force=False)


async def test_what_is_edited_inside_stays_when_networks_change(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="more"))
    edit = "echo '192.0.2.7 mine' >> /etc/hosts; echo 'nameserver 192.0.2.8' > /etc/resolv.conf; sleep 100"
    container = await engine.start("sh", "-c", edit, hostname="here")
    home = Path(engine.containers.inspect(container).hosts_path).parent
    while "nameserver 192.0.2.8" not in (home / "resolv.conf").read_text():
        await engine.containers.top(container, "")
    await engine.containers.connect("more", container, PLAIN)
    address = engine.containers.inspect(container).network_settings.networks["more"].ip_address
    assert (home / "hosts").read_text().splitlines()[-2:] == ["192.0.2.7 mine", f"{address}\there"]
    await engine.containers.disconnect("more", container, force=False)
    assert (home / "hosts").read_text().splitlines()[-1] == "192.0.2.7 mine"
    assert (home / "resolv.conf").read_text() == "nameserver 192.0.2.8\n"
