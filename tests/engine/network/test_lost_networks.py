"""Networks that go, or have gone, while somebody wants to be on them; in the real kernel."""

from __future__ import annotations

import anyio
import anyio.to_thread
import pytest

from engine.errors import Conflict, NoSuchNetwork
from engine.network.records import NetworkRecord
from engine.network.service import EndpointRequest
from engine.state.paths import Paths
from engine.state.store import Store
from engine.wire.containers import PortBinding
from tests.engine.network.harness import running, traces
from tests.engine.network.hosts import Host, call, command, end, network, publish, wish

pytestmark = [pytest.mark.root, pytest.mark.anyio]


async def test_who_comes_while_a_network_is_being_removed_is_refused(paths: Paths) -> None:
    web, app = wish("web", "front"), wish("app", "back")
    async with running(paths) as service:
        await network(service, "front")
        await network(service, "back")
        await service.open_sandbox(app)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.remove, "front")
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(NoSuchNetwork):
                await service.open_sandbox(web)
            with pytest.raises(NoSuchNetwork):
                await service.connect(app.container_id, EndpointRequest("front"), "app")
        await end(service, app)
        assert traces(paths) == []


async def test_a_network_whose_record_is_lost_keeps_nobody_else_from_being_served(paths: Paths) -> None:
    web = wish("web", "back", "front", ports=publish(tcp=PortBinding()))
    async with running(paths) as service:
        await network(service, "front")
        await network(service, "back")
        await service.open_sandbox(web)
        lost = service.get("back").id
    store = Store.open(paths.database)
    await store.table("network", NetworkRecord).delete(lost)
    store.close()
    with Host(paths, web).serving():
        async with running(paths) as service:
            sandbox = await service.adopt_sandbox(web.container_id)
            assert sandbox is not None
            assert list(sandbox.networks) == ["front"]
            port = int(sandbox.ports["80/tcp"][0].host_port)
            assert await anyio.to_thread.run_sync(call, "127.0.0.1", port)
            assert not [trace for trace in traces(paths) if lost[:8] in trace]
            await end(service, web)
            assert traces(paths) == []


async def test_a_container_whose_namespace_was_unmounted_changes_no_networks(paths: Paths) -> None:
    web = wish("web", "back")
    async with running(paths) as service:
        await network(service, "front")
        await network(service, "back")
        await service.open_sandbox(web)
        command("umount", paths.namespaces / web.container_id)
        with pytest.raises(Conflict, match="is gone"):
            await service.connect(web.container_id, EndpointRequest("front"), "web")
        with pytest.raises(Conflict, match="is gone"):
            await service.disconnect(web.container_id, "back")
        await end(service, web)
        assert traces(paths) == []
