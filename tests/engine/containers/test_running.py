"""Real containers, from creation to removal."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec
import pytest

from engine.containers.streams.options import AttachOptions, LogOptions
from engine.errors import BadRequest, Conflict, NoSuchContainer, NoSuchImage, NotModified, RuntimeFailure
from engine.wire.containers import (
    ContainerCreateRequest,
    ExecCreateRequest,
    ExecStartRequest,
    HealthConfig,
    HostConfig,
    NetworkingConfig,
    PortBinding,
    RestartPolicy,
)
from engine.wire.mounts import Mount, TmpfsOptions, VolumeOptions
from engine.wire.networks import EndpointSettings, NetworkCreateRequest
from engine.wire.volumes import VolumeCreateRequest
from tests.engine.containers.conftest import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.root, pytest.mark.net]

SECOND = 1_000_000_000


async def test_a_command_runs_and_its_output_and_exit_code_are_kept(engine: Engine) -> None:
    assert await engine.run("sh", "-c", "echo out; echo err >&2; exit 7") == (7, "out\nerr\n")


async def test_environment_user_and_directory_are_as_asked_for(engine: Engine) -> None:
    script = "echo $COLOUR; id -u; pwd; hostname; echo $HOME"
    _, output = await engine.run(
        "sh", "-c", script, env=["COLOUR=green"], user="65534", working_dir="/tmp", hostname="box"
    )
    assert output == "green\n65534\n/tmp\nbox\n/\n" or output.startswith("green\n65534\n/tmp\nbox\n")


async def test_the_life_of_a_container_is_told_in_events(engine: Engine) -> None:
    container = await engine.start("true", name="short", labels={"tier": "web"})
    await engine.containers.wait(container)
    await engine.containers.remove("short")
    destroy = await engine.until("destroy", container)
    assert engine.actions(container) == ["create", "start", "die", "destroy"]
    assert destroy.actor.attributes == {"image": "alpine:3.20", "name": "short", "tier": "web"}
    die = await engine.until("die", container)
    assert die.actor.attributes["exitCode"] == "0"
    with pytest.raises(NoSuchContainer):
        engine.containers.inspect("short")


async def test_a_name_belongs_to_one_container(engine: Engine) -> None:
    first = await engine.create("true", name="web")
    with pytest.raises(Conflict, match=f'"/web" is already in use by container "{first}"'):
        await engine.create("true", name="web")


async def test_a_running_container_is_not_removed_without_force(engine: Engine) -> None:
    await engine.start("sleep", "100", name="web")
    with pytest.raises(Conflict, match='cannot remove container "web": container is running'):
        await engine.containers.remove("web")
    await engine.containers.remove("web", force=True)


async def test_an_unknown_image_and_an_unknown_program_are_told(engine: Engine) -> None:
    with pytest.raises(NoSuchImage, match="No such image: nothing:1"):
        await engine.containers.create("", ContainerCreateRequest(image="nothing:1"))
    container = await engine.create("no-such-program")
    with pytest.raises(RuntimeFailure, match="no-such-program"):
        await engine.containers.start(container)
    state = engine.containers.inspect(container).state
    assert (state.status, state.exit_code) == ("created", 127)


async def test_stop_ends_with_the_stop_signal_or_kills_after_the_grace(engine: Engine) -> None:
    polite = await engine.start(
        "sh", "-c", "trap 'exit 3' USR1; echo ready; while :; do sleep 0.01; done", stop_signal="SIGUSR1"
    )
    await _said(engine, polite, b"ready")
    await engine.containers.stop(polite)
    assert engine.containers.inspect(polite).state.exit_code == 3
    deaf = await engine.start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.01; done")
    await _said(engine, deaf, b"ready")
    await engine.containers.stop(deaf, timeout_seconds=0)
    assert engine.containers.inspect(deaf).state.exit_code == 137
    with pytest.raises(NotModified):
        await engine.containers.stop(deaf)
    await engine.until("die", deaf)
    assert engine.actions(deaf) == ["create", "start", "kill", "kill", "stop", "die"]


async def test_a_stopped_container_starts_again_with_its_files(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "cat /seen || echo first; echo again > /seen")
    await engine.containers.wait(container)
    await engine.containers.start(container)
    await engine.containers.wait(container)
    assert (await engine.output(container)).splitlines()[-1] == "again"


async def test_a_named_volume_is_seeded_from_the_image_and_outlives_its_container(engine: Engine) -> None:
    first = HostConfig(binds=["data:/etc"])
    status, seen = await engine.run("sh", "-c", "ls /etc | head -1; echo mine > /etc/mine", host=first)
    assert status == 0
    assert seen.strip()
    _, again = await engine.run("cat", "/other/mine", host=HostConfig(binds=["data:/other:ro"]))
    assert again == "mine\n"
    empty = Mount(type="volume", source="bare", target="/root", volume_options=VolumeOptions(no_copy=True))
    assert await engine.run("ls", "/root", host=HostConfig(mounts=[empty])) == (0, "")
    with pytest.raises(Conflict, match="volume is in use"):
        await engine.volumes.remove("data", force=False, used_by=engine.containers.volume_users)


async def test_an_anonymous_volume_goes_with_its_container_if_asked_to(engine: Engine) -> None:
    container = await engine.create("true", volumes={"/data": {}})
    assert len(engine.volumes.all()) == 1
    await engine.containers.remove(container, volumes=True)
    assert engine.volumes.all() == []


async def test_binds_are_mounted_and_missing_sources_are_made_or_refused(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello\n")
    host = HostConfig(binds=[f"{tmp_path}/file:/etc/greeting:ro", f"{tmp_path}/new:/new"])
    status, output = await engine.run(
        "sh", "-c", "cat /etc/greeting; echo x > /new/x; echo y > /etc/greeting", host=host
    )
    assert status != 0
    assert output.startswith("hello\n")
    assert (tmp_path / "new" / "x").read_text() == "x\n"
    missing = Mount(type="bind", source=f"{tmp_path}/nope", target="/nope")
    with pytest.raises(BadRequest, match="bind source path does not exist"):
        await engine.create("true", host=HostConfig(mounts=[missing]))


async def test_tmpfs_mounts_have_their_size_and_options(engine: Engine) -> None:
    sized = Mount(type="tmpfs", target="/cache", tmpfs_options=TmpfsOptions(size_bytes=1 << 20, mode=0o700))
    host = HostConfig(tmpfs={"/run": "size=64k"}, mounts=[sized])
    _, output = await engine.run("grep", "-E", " (/run|/cache) ", "/proc/mounts", host=host)
    assert "/run tmpfs rw,nosuid,nodev,noexec" in output
    assert "size=64k" in output
    assert "size=1024k,mode=700" in output


async def test_an_anonymous_volume_goes_with_the_last_of_those_that_share_it(engine: Engine) -> None:
    await engine.start("sleep", "60", name="donor", volumes={"/data": {}})
    await engine.start("sleep", "60", name="heir", host=HostConfig(volumes_from=["donor"]))
    (volume,) = engine.volumes.all()
    await engine.containers.remove("donor", force=True, volumes=True)
    assert [kept.name for kept in engine.volumes.all()] == [volume.name]
    await engine.containers.remove("heir", force=True, volumes=True)
    assert engine.volumes.all() == []


async def test_volumes_from_shares_the_mounts_of_another(engine: Engine) -> None:
    await engine.run("sh", "-c", "echo shared > /data/x", host=HostConfig(binds=["data:/data"]))
    donor = await engine.create("true", name="donor", host=HostConfig(binds=["data:/data"]))
    assert await engine.run("cat", "/data/x", host=HostConfig(volumes_from=["donor:ro"])) == (0, "shared\n")
    await engine.containers.remove(donor)


async def test_a_failing_container_is_restarted_as_often_as_allowed(engine: Engine) -> None:
    policy = RestartPolicy(name="on-failure", maximum_retry_count=2)
    container = await engine.create("sh", "-c", "echo try; exit 1", host=HostConfig(restart_policy=policy))
    await engine.containers.start(container)
    while engine.actions(container).count("die") < 3:
        await engine.news.wait()
    inspection = engine.containers.inspect(container)
    assert (inspection.state.status, inspection.restart_count) == ("exited", 2)
    assert await engine.output(container) == "try\ntry\ntry\n"


async def test_a_stop_ends_the_wait_for_a_restart(engine: Engine) -> None:
    container = await engine.start("false", host=HostConfig(restart_policy=RestartPolicy(name="always")))
    await engine.until("die", container)
    await engine.containers.stop(container)
    assert engine.containers.inspect(container).state.status == "exited"
    await engine.containers.start(container)
    await engine.containers.remove(container, force=True)


async def test_a_container_with_rm_goes_at_its_exit(engine: Engine) -> None:
    container = await engine.create("true", host=HostConfig(auto_remove=True), volumes={"/data": {}})
    removed = engine.containers.waiter(container, "removed")
    await engine.containers.start(container)
    assert (await removed).status_code == 0
    with pytest.raises(NoSuchContainer):
        engine.containers.inspect(container)
    await engine.until("destroy", container)
    assert engine.volumes.all() == []


async def test_a_health_check_succeeds_as_soon_as_the_service_is_ready(engine: Engine) -> None:
    check = HealthConfig(test=["CMD-SHELL", "test -e /ready"], interval=3600 * SECOND)
    container = await engine.start("sh", "-c", "sleep 0.3; touch /ready; sleep 100", healthcheck=check)
    assert engine.health(container).status == "starting"
    with anyio.fail_after(60):
        await engine.until("health_status: healthy", container)
    assert engine.health(container).log[-1].exit_code == 0
    assert "(healthy)" in engine.containers.summaries(everything=False, limit=0, filters={})[0].status


async def test_a_failing_health_check_makes_it_unhealthy_after_its_retries(engine: Engine) -> None:
    check = HealthConfig(test=["CMD", "sh", "-c", "echo no; exit 1"], interval=SECOND // 20, retries=2)
    container = await engine.start("sleep", "100", healthcheck=check)
    await engine.until("health_status: unhealthy", container)
    health = engine.health(container)
    assert health.failing_streak >= 2
    assert health.log[-1].output == "no\n"


async def test_a_hanging_health_check_is_ended_at_its_timeout(engine: Engine) -> None:
    check = HealthConfig(test=["CMD", "sleep", "1000"], interval=SECOND // 20, timeout=SECOND // 5, retries=1)
    container = await engine.start("sleep", "100", healthcheck=check)
    await engine.until("health_status: unhealthy", container)
    health = engine.health(container)
    assert health.log[0].exit_code == -1
    assert health.log[0].output == "Health check exceeded timeout (200ms)"


async def test_exec_runs_a_process_beside_the_first(engine: Engine) -> None:
    container = await engine.start("sleep", "100", env=["COLOUR=green"])
    request = ExecCreateRequest(cmd=["sh", "-c", "echo $COLOUR $MORE; exit 4"], attach_stdout=True, env=["MORE=x"])
    exec_id = (await engine.containers.exec_create(container, request)).id
    session = await engine.containers.exec_start(exec_id, ExecStartRequest())
    assert session is not None
    assert await session.receive() == (1, b"green x\n")
    with pytest.raises(anyio.EndOfStream):
        await session.receive()
    await session.aclose()
    found = engine.containers.exec_inspect(exec_id)
    assert (found.running, found.exit_code) == (False, 4)
    await engine.until("exec_die", container)
    with pytest.raises(Conflict):
        await engine.containers.exec_start(exec_id, ExecStartRequest())


async def test_attaching_before_the_start_misses_nothing(engine: Engine) -> None:
    container = await engine.create(
        "sh", "-c", "echo first; read word; echo got $word", open_stdin=True, stdin_once=True
    )
    async with engine.containers.attach(container, AttachOptions(stdin=True)) as console:
        await engine.containers.start(container)
        assert await console.receive() == (1, b"first\n")
        await console.send(b"hello\n")
        assert await console.receive() == (1, b"got hello\n")
        with pytest.raises(anyio.EndOfStream):
            await console.receive()


async def test_logs_are_followed_to_the_end_of_the_container(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.05; done")
    batches = engine.containers.logs(container, LogOptions(follow=True))
    lines = [entry.message async for batch in batches for entry in batch]
    assert lines == [b"1\n", b"2\n", b"3\n"]


async def test_a_paused_container_can_be_stopped_and_unpaused(engine: Engine) -> None:
    container = await engine.start("sleep", "100")
    await engine.containers.pause(container)
    assert engine.containers.inspect(container).state.paused
    await engine.containers.unpause(container)
    await engine.containers.pause(container)
    await engine.containers.stop(container, timeout_seconds=0)
    assert engine.containers.inspect(container).state.status == "exited"


async def test_containers_of_a_network_find_each_other_by_name_and_alias(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="app"))
    on_app = HostConfig(network_mode="app")
    settings = {"app": EndpointSettings(aliases=["db"])}
    request = ContainerCreateRequest(image="alpine:3.20", cmd=["sleep", "100"], host_config=on_app)
    request = _with_networks(request, settings)
    await engine.containers.create("server", request)
    await engine.containers.start("server")
    status, output = await engine.run("sh", "-c", "nslookup db && nslookup server", host=on_app)
    address = engine.containers.inspect("server").network_settings.networks["app"].ip_address
    assert status == 0
    assert output.count(address) >= 2


async def test_a_container_joins_the_network_and_processes_of_another(engine: Engine) -> None:
    shareable = HostConfig(ipc_mode="shareable")
    await engine.start(
        "sh", "-c", "echo hi > /dev/shm/note; exec sleep 100", name="first", hostname="shared", host=shareable
    )
    host = HostConfig(network_mode="container:first", pid_mode="container:first", ipc_mode="container:first")
    script = "hostname; ps | grep -c 'sleep 10[0]'; cat /dev/shm/note"
    status, output = await engine.run("sh", "-c", script, host=host)
    assert (status, output) == (0, "shared\n1\nhi\n")


async def test_host_and_none_networks_are_what_their_names_say(engine: Engine) -> None:
    _, links = await engine.run("ls", "/sys/class/net", host=HostConfig(network_mode="none"))
    assert "eth0" not in links.split()
    _, namespace = await engine.run("readlink", "/proc/self/ns/net", host=HostConfig(network_mode="host"))
    assert namespace.strip() == network_namespace()


async def test_a_published_port_is_shown_and_freed(engine: Engine) -> None:
    host = HostConfig(port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1")]})
    container = await engine.start("sleep", "100", host=host)
    ports = engine.containers.summaries(everything=False, limit=0, filters={})[0].ports
    assert [(port.ip, port.private_port) for port in ports] == [("127.0.0.1", 80)]
    bound = engine.containers.inspect(container).network_settings.ports["80/tcp"]
    assert bound is not None
    await engine.containers.stop(container, timeout_seconds=0)
    assert engine.containers.inspect(container).network_settings.ports == {}


async def test_networks_are_connected_and_disconnected_live(engine: Engine) -> None:
    await engine.networks.create(NetworkCreateRequest(name="more"))
    container = await engine.start("sleep", "100")
    await engine.containers.connect("more", container, EndpointSettings(aliases=["x"]))
    assert set(engine.containers.inspect(container).network_settings.networks) == {"bridge", "more"}
    await engine.containers.disconnect("bridge", container, force=False)
    assert set(engine.containers.inspect(container).network_settings.networks) == {"more"}


async def test_top_shows_the_processes(engine: Engine) -> None:
    container = await engine.start("sh", "-c", "echo here; sleep 100 & wait")
    async for _ in engine.containers.logs(container, LogOptions(follow=True)):
        break  # before, it may still be the runtime's init
    answer = await engine.containers.top(container, "-o pid,args")
    assert answer.processes[0][1] == "sh -c echo here; sleep 100 & wait"


async def test_an_option_mounts_a_volume_while_it_is_used(engine: Engine) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=5"}
    await engine.volumes.create(VolumeCreateRequest(name="scratch", driver_opts=options))
    host = HostConfig(binds=["scratch:/scratch"])
    _, output = await engine.run("sh", "-c", "stat -c %u /scratch; grep -c '/scratch tmpfs' /proc/mounts", host=host)
    assert output == "5\n1\n"
    assert not (engine.paths.volumes / "scratch" / "_data").is_mount()


async def test_many_containers_at_once(engine: Engine) -> None:
    codes: list[int] = []

    async def one(number: int) -> None:
        codes.append((await engine.run("sh", "-c", f"exit {number}"))[0])

    async with anyio.create_task_group() as tasks:
        for number in range(16):
            tasks.start_soon(one, number)
    assert sorted(codes) == list(range(16))


def network_namespace() -> str:
    """What the kernel calls the one that the tests are in."""
    return str(Path("/proc/self/ns/net").readlink())


async def _said(engine: Engine, container: str, text: bytes) -> None:
    async for batch in engine.containers.logs(container, LogOptions(follow=True)):
        if any(text in entry.message for entry in batch):
            return


def _with_networks(request: ContainerCreateRequest, networks: dict[str, EndpointSettings]) -> ContainerCreateRequest:
    return msgspec.structs.replace(request, networking_config=NetworkingConfig(endpoints_config=networks))


async def test_a_missing_working_directory_is_made(engine: Engine) -> None:
    assert await engine.run("pwd", working_dir="/some/where") == (0, "/some/where\n")


async def test_a_read_only_root_has_writable_volumes(engine: Engine) -> None:
    host = HostConfig(readonly_rootfs=True, tmpfs={"/run": ""})
    assert await engine.run("sh", "-c", "touch /x 2>/dev/null || touch /run/x && echo kept", host=host) == (0, "kept\n")


async def test_an_image_can_be_mounted(engine: Engine) -> None:
    host = HostConfig(mounts=[Mount(type="image", source="alpine:3.20", target="/image")])
    status, output = await engine.run(
        "sh", "-c", "test -e /image/bin/sh && ! touch /image/x 2>/dev/null && echo ro", host=host
    )
    assert (status, output) == (0, "ro\n")
