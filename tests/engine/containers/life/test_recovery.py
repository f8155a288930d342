"""What a new engine makes of the containers of an earlier one that was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import anyio
import pytest

from engine.containers.life.lifecycle import Verb
from engine.errors import NoSuchContainer, Unavailable
from engine.wire.containers import HealthConfig, HostConfig, PortBinding, RestartPolicy
from tests.engine.containers.conftest import Engine, Open, kernel

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]

SECOND = 1_000_000_000


async def _with_image(engine: Engine) -> None:
    if not engine.images.all():
        async for _ in engine.images.pull("alpine:3.20"):
            continue


async def _end(pids: Iterable[int]) -> None:
    """Kill containers of an engine that is gone, and wait until their monitors have noted it, or the next one would
    still find them alive.
    """
    monitors = []
    for pid in pids:
        monitors.append(os.pidfd_open(_parent(pid)))
        os.kill(pid, signal.SIGKILL)
    for monitor in monitors:
        await anyio.wait_readable(monitor)
        os.close(monitor)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_a_living_container_is_adopted_and_can_be_used(open_engine: Open) -> None:
    host = HostConfig(port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1")]}, binds=["data:/data"])
    check = HealthConfig(test=["CMD", "true"], interval=SECOND)
    async with open_engine() as first:
        await _with_image(first)
        container = await first.start("sleep", "1000", name="web", host=host, healthcheck=check)
        await first.until("health_status: healthy", container)
        before = first.containers.inspect("web")
    async with open_engine() as second:
        after = second.containers.inspect("web")
        assert after.state.pid == before.state.pid
        assert after.state.status == "running"
        assert second.health("web").status == "healthy"
        assert after.network_settings == before.network_settings
        await second.containers.stop("web", timeout_seconds=0)
        await second.until("die", container)


async def test_an_end_that_nobody_saw_is_settled_with_its_exit_code(open_engine: Open) -> None:
    async with open_engine() as first:
        await _with_image(first)
        container = await first.start("sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.01; done")
        pid = first.containers.inspect(container).state.pid
        descriptor = os.pidfd_open(pid)
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    os.close(descriptor)
    async with open_engine() as second:
        assert (await second.containers.wait(container)).status_code == 137
        assert kernel(second.paths).mounts == []
        assert kernel(second.paths).namespaces == []


async def test_a_container_that_ended_meanwhile_is_restarted_by_its_policy(open_engine: Open) -> None:
    host = HostConfig(restart_policy=RestartPolicy(name="unless-stopped"))
    async with open_engine() as first:
        await _with_image(first)
        container = await first.start("sleep", "1000", host=host)
        stopped = await first.start("sleep", "1000", host=host)
        await first.containers.stop(stopped, timeout_seconds=0)
        pid = first.containers.inspect(container).state.pid
    await _end([pid])
    async with open_engine() as second:
        await second.until("start", container)
        state = second.containers.inspect(container)
        assert (state.state.status, state.restart_count) == ("running", 0)
        assert second.containers.inspect(stopped).state.status == "exited"


async def test_containers_come_back_after_those_whose_network_they_share(open_engine: Open) -> None:
    policy = RestartPolicy(name="always")
    async with open_engine() as first:
        await _with_image(first)
        await first.start("sleep", "1000", name="web", host=HostConfig(restart_policy=policy))
        shared = HostConfig(restart_policy=policy, network_mode="container:web")
        for number in range(4):
            await first.start("sleep", "1000", name=f"beside-{number}", host=shared)
        names = ["web", *(f"beside-{number}" for number in range(4))]
        pids = [first.containers.inspect(name).state.pid for name in names]
    # The last ones first, so that nothing but the order of their starts helps them.
    await _end(reversed(pids))
    async with open_engine() as second:
        for name in names:
            if second.containers.inspect(name).state.status != "running":
                await second.until("start", second.containers.inspect(name).id)
        assert {second.containers.inspect(name).state.status for name in names} == {"running"}


async def test_before_the_machine_goes_down_containers_end_in_order_and_come_back_by_their_policies(
    open_engine: Open,
) -> None:
    always = HostConfig(restart_policy=RestartPolicy(name="unless-stopped"))
    async with open_engine() as first:
        await _with_image(first)
        polite = "trap 'exit 3' TERM; touch /ready; while :; do sleep 0.01; done"
        ready = HealthConfig(test=["CMD", "test", "-e", "/ready"], interval=SECOND // 100)
        comes_back = await first.start("sh", "-c", polite, host=always, healthcheck=ready)
        deaf = await first.start("sleep", "1000", stop_timeout=0)
        frozen = await first.start("sleep", "1000", host=always, stop_timeout=0)
        await first.containers.pause(frozen)
        stopped = await first.start("sleep", "1000", host=always)
        await first.containers.stop(stopped, timeout_seconds=0)
        passing = await first.start("sleep", "1000", host=HostConfig(auto_remove=True), stop_timeout=0)
        await first.until("health_status: healthy", comes_back)
        await first.containers.bring_down()
        assert first.containers.inspect(comes_back).state.exit_code == 3
        assert first.containers.inspect(deaf).state.status == "exited"
        await first.until("stop", comes_back)
        with pytest.raises(NoSuchContainer):
            first.containers.inspect(passing)
        with pytest.raises(Unavailable, match="going down"):
            await first.containers.start(stopped)
        assert kernel(first.paths).cgroups == []
    async with open_engine() as second:
        for container in (comes_back, frozen):
            await second.until("start", container)
        states = {one: second.containers.inspect(one).state.status for one in (deaf, stopped)}
        assert set(states.values()) == {"exited"}


async def test_a_half_done_removal_is_finished(open_engine: Open) -> None:
    async with open_engine() as first:
        await _with_image(first)
        container = await first.create("true", name="web")
        entry = first.containers._ledger.get("web")
        await entry.move(Verb.REMOVE)
    async with open_engine() as second:
        assert second.containers.summaries(everything=True, limit=0, filters={}) == []
        assert not (second.paths.containers / container).exists()


async def test_a_start_that_was_cut_off_leaves_nothing(open_engine: Open) -> None:
    async with open_engine() as first:
        await _with_image(first)
        container = await first.create("sleep", "1000")
        entry = first.containers._ledger.get(container)
        await entry.change(holds=True)
        launch = await first.containers._launcher.acquire(entry)
        await first.runtime.create(launch)
        assert kernel(first.paths).mounts != []
    async with open_engine() as second:
        left = kernel(second.paths)
        assert (left.mounts, left.namespaces, left.processes, left.cgroups) == ([], [], [], [])
        assert second.containers.inspect(container).state.status == "created"
