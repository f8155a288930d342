"""Changing what a container may use: which changes are possible, and that they hold, now and later."""

from __future__ import annotations

import pytest

from engine.containers.life.updating import updated
from engine.errors import BadRequest, Conflict, EngineError
from engine.runtime.cgroups import directory
from engine.wire.containers import HostConfig, RestartPolicy
from tests.engine.containers.conftest import Engine, Open

MEGABYTE = 1 << 20


def test_only_what_the_wish_sets_is_changed() -> None:
    before = HostConfig(memory=9, memory_swap=18, cpu_shares=5, pids_limit=7, cpuset_cpus="0")
    assert updated(before, HostConfig()) == before
    after = updated(before, HostConfig(cpu_shares=6, pids_limit=0, restart_policy=RestartPolicy(name="always")))
    assert (after.memory, after.cpu_shares, after.pids_limit, after.cpuset_cpus) == (9, 6, 0, "0")
    assert after.restart_policy.name == "always"


@pytest.mark.parametrize(
    ("before", "wish", "words"),
    [
        (HostConfig(), HostConfig(memory=9), "smaller than already set memoryswap limit"),
        (HostConfig(memory=9, memory_swap=18), HostConfig(memory=19), "update the memoryswap at the same time"),
        (HostConfig(cpu_period=5), HostConfig(nano_cpus=1), "Nano CPUs cannot be updated as CPU Period has already"),
        (HostConfig(cpu_quota=5), HostConfig(nano_cpus=1), "Nano CPUs cannot be updated as CPU Quota has already"),
        (HostConfig(nano_cpus=5), HostConfig(cpu_period=1), "CPU Period cannot be updated as NanoCPUs has already"),
        (HostConfig(nano_cpus=5), HostConfig(cpu_quota=1), "CPU Quota cannot be updated as NanoCPUs has already"),
        (
            HostConfig(auto_remove=True),
            HostConfig(restart_policy=RestartPolicy(name="always")),
            "Restart policy cannot be updated because AutoRemove is enabled",
        ),
    ],
)
def test_changes_that_contradict_what_is_set_are_refused(before: HostConfig, wish: HostConfig, words: str) -> None:
    with pytest.raises(Conflict, match=words):
        updated(before, wish)


def test_a_policy_of_a_container_that_removes_itself_may_be_none() -> None:
    after = updated(HostConfig(auto_remove=True), HostConfig(restart_policy=RestartPolicy(name="no")))
    assert (after.auto_remove, after.restart_policy.name) == (True, "no")


def limit(engine: Engine, container: str, controller: str, *names: str) -> str:
    """The content of the first of these files that is there: their names differ between the versions of cgroups."""
    place = directory(engine.runtime.cgroup_of(container), controller)
    assert place is not None
    return next((place / name).read_text().strip() for name in names if (place / name).exists())


def memory_limit(engine: Engine, container: str) -> str:
    return limit(engine, container, "memory", "memory.limit_in_bytes", "memory.max")


@pytest.mark.anyio
@pytest.mark.root
@pytest.mark.net
class TestLiving:
    async def test_limits_hold_at_once_and_after_a_restart(self, engine: Engine) -> None:
        container = await engine.start("sleep", "600", stop_signal="SIGKILL")
        wish = HostConfig(memory=20 * MEGABYTE, memory_swap=40 * MEGABYTE, nano_cpus=500_000_000, pids_limit=50)
        await engine.containers.update(container, wish)
        assert memory_limit(engine, container) == str(20 * MEGABYTE)
        assert limit(engine, container, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"
        assert limit(engine, container, "pids", "pids.max") == "50"
        assert (await engine.until("update", container)).actor.id == container
        await engine.containers.restart(container)
        assert memory_limit(engine, container) == str(20 * MEGABYTE)
        await engine.containers.update(container, HostConfig(pids_limit=-1))
        assert limit(engine, container, "pids", "pids.max") == "max"

    async def test_memory_and_swap_go_up_and_down_together(self, engine: Engine) -> None:
        container = await engine.start("sleep", "600", host=HostConfig(memory=20 * MEGABYTE))
        for size in (60, 10, 80):
            wish = HostConfig(memory=size * MEGABYTE, memory_swap=2 * size * MEGABYTE)
            await engine.containers.update(container, wish)
            assert memory_limit(engine, container) == str(size * MEGABYTE)

    async def test_what_is_refused_changes_nothing(self, engine: Engine) -> None:
        container = await engine.start("sleep", "600", host=HostConfig(memory=20 * MEGABYTE))
        before = engine.containers.inspect(container).host_config
        with pytest.raises(BadRequest, match="Minimum memory limit allowed is 6MB"):
            await engine.containers.update(container, HostConfig(memory=1))
        with pytest.raises(Conflict, match=f"Cannot update container {container}: Memory limit should be smaller"):
            await engine.containers.update(container, HostConfig(memory=60 * MEGABYTE))
        # The engine's own cgroup has no real-time budget to give, if the kernel has any.
        realtime = HostConfig(cpu_realtime_period=1_000_000, cpu_realtime_runtime=950_000, cpu_shares=77)
        with pytest.raises(EngineError, match=f"Cannot update container {container}: OCI runtime update failed"):
            await engine.containers.update(container, realtime)
        assert engine.containers.inspect(container).host_config == before
        assert "update" not in engine.actions(container)

    async def test_the_next_engine_knows_the_limits_and_the_policy(self, open_engine: Open) -> None:
        async with open_engine() as engine:
            container = await engine.create("sleep", "600", stop_signal="SIGKILL")
            policy = RestartPolicy(name="on-failure", maximum_retry_count=2)
            await engine.containers.update(container, HostConfig(cpu_shares=512, restart_policy=policy))
        async with open_engine() as engine:
            assert engine.containers.inspect(container).host_config.restart_policy == policy
            await engine.containers.start(container)
            assert limit(engine, container, "cpu", "cpu.shares", "cpu.weight") in ("512", "20")
