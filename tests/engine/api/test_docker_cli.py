"""The real `docker` command line against the server in front of fake services."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import termios
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from engine.errors import RegistryError, RuntimeFailure
from engine.wire.containers import ContainerCreateRequest
from tests.fakes.serving import Served, served

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def docker_program() -> None:
    """Asked for but impossible is an error, never a silent skip."""
    if shutil.which("docker") is None:
        pytest.fail("these tests need a docker command line; `make test` gets one")


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended."""

    code: int
    out: str
    err: str


async def docker(server: Served, *arguments: str, stdin: bytes = b"") -> Ended:
    """Run `docker` against the server."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(server.socket.parent), "DOCKER_HOST": server.address}
    done = await anyio.run_process(["docker", *arguments], input=stdin, env=environment, check=False)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


async def test_version_and_info_print_no_warning(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        version, info = await docker(server, "version"), await docker(server, "info")
    assert (version.code, info.code) == (0, 0)
    assert "Version:          9.9.9" in version.out
    assert version.out.count("API version:") == 2  # the client and the server have agreed on one
    # Clients before 28 want to hear of a kernel setting that nothing here needs.
    assert [line for line in (info.out + info.err).splitlines() if "WARNING" in line and "bridge-nf" not in line] == []
    assert "ERROR" not in info.out + info.err


async def test_run_pulls_attaches_starts_prints_and_removes(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        done = await docker(server, "run", "--rm", "team/hello:1")
        assert (done.code, done.out) == (0, "hello\n")
        assert "Unable to find image 'team/hello:1' locally" in done.err
        assert "Status: Downloaded newer image" in done.err
        await server.until_connections(0)


async def test_run_keeps_the_two_streams_apart(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        server.engine.containers.script = [(1, b"out\n"), (2, b"err\n")]
        done = await docker(server, "run", "busybox")
    assert (done.out, done.err) == ("out\n", "err\n")


async def test_what_is_piped_in_comes_out(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        server.engine.containers.script = []
        text = b"line\n" * 50_000
        runner = anyio.create_task_group()
        async with runner:
            runner.start_soon(_end_when_input_ended, server)
            done = await docker(server, "run", "-i", "busybox", stdin=text)
    assert done.out.encode() == text


async def _end_when_input_ended(server: Served) -> None:
    with server.engine.events.listen() as events:
        async for event in events:
            if event.action == "start":
                break
    [container] = server.engine.containers.known.values()
    assert container.console is not None
    await container.console.input_ended.wait()
    server.engine.containers.exit(container, 0)


async def test_a_container_that_cannot_start_gives_dockers_exit_code(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        message = 'exec: "nope": executable file not found in $PATH'
        server.engine.containers.start_error = RuntimeFailure(message, exit_code=127)
        done = await docker(server, "run", "busybox", "nope")
    assert done.code == 127
    assert message in done.err


async def test_ps_logs_exec_stop_and_rm(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        containers = server.engine.containers
        containers.script = []
        await containers.create("web", ContainerCreateRequest(image="busybox", labels={"app": "shop"}))
        await containers.start("web")
        assert "web" in (await docker(server, "ps", "--filter", "label=app=shop")).out
        assert "web" not in (await docker(server, "ps", "--filter", "label=app=other")).out
        ran = await docker(server, "exec", "web", "echo", "hi")
        assert (ran.code, ran.out, ran.err) == (0, "echo hi\n", "careful\n")
        assert (await docker(server, "stop", "web")).out == "web\n"
        assert (await docker(server, "logs", "--tail", "5", "-t", "web")).code == 0
        assert (await docker(server, "rm", "web")).out == "web\n"
        gone = await docker(server, "rm", "web")
        assert gone.code == 1
        assert "No such container: web" in gone.err


async def test_the_docker_cli_lists_tags_and_removes_images_networks_and_volumes(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        assert "busybox" in (await docker(server, "images")).out
        assert (await docker(server, "tag", "busybox", "a/b/c:1")).code == 0
        assert "a/b/c:1" in (await docker(server, "image", "inspect", "a/b/c:1")).out
        assert (await docker(server, "rmi", "a/b/c:1")).code == 0
        assert (await docker(server, "network", "create", "front")).code == 0
        assert "front" in (await docker(server, "network", "ls")).out
        assert (await docker(server, "network", "rm", "front")).out == "front\n"
        assert (await docker(server, "volume", "create", "data")).out == "data\n"
        assert "data" in (await docker(server, "volume", "ls", "-q")).out
        assert (await docker(server, "volume", "rm", "data")).code == 0
        assert (await docker(server, "system", "df")).code == 0


async def test_system_df_and_prune_find_all_they_ask_for(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        await docker(server, "volume", "create", "data")
        usage, details = await docker(server, "system", "df"), await docker(server, "system", "df", "-v")
        pruned = await docker(server, "system", "prune", "--force", "--volumes")
    assert (usage.code, details.code, pruned.code) == (0, 0, 0), usage.err + details.err + pruned.err
    assert "data" in details.out


async def test_stats_shows_what_is_used(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        server.engine.containers.script = []
        await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
        await server.engine.containers.start("web")
        shown = await docker(server, "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.MemPerc}}")
        missing = await docker(server, "stats", "--no-stream", "nothing")
    assert (shown.code, shown.out) == (0, "web 3MiB / 12MiB 25.00%\n"), shown.err
    assert missing.code == 1
    assert "No such container: nothing" in missing.err


async def test_events_are_followed_until_their_time(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        server.engine.events.publish("volume", "create", "data", {"driver": "local"})
        done = await docker(server, "events", "--since", "1714564790", "--until", "1714564800")
    assert "volume create data (driver=local)" in done.out


async def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        done = await docker(server, "swarm", "init")
    assert done.code == 1
    assert "swarm mode is not a part of this engine" in done.err


async def test_an_update_reaches_the_container(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        await docker(server, "create", "--name", "some", "busybox")
        done = await docker(server, "update", "--memory", "1g", "--restart", "always", "some")
        assert (done.code, done.out.strip()) == (0, "some")
        assert server.engine.containers.updates["some"].memory == 1 << 30
        assert server.engine.containers.updates["some"].restart_policy.name == "always"


async def test_a_terminal_is_carried_sized_and_detached_from(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        server.engine.containers.script = [(1, b"$ ")]
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DOCKER_HOST": server.address}
        words = ["docker", "run", "-it", "--name", "web", "busybox"]
        try:
            process = await anyio.open_process(
                words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
            )
            async with process:
                os.close(theirs)
                assert await _read_terminal(ours, b"$ ") == b"$ "
                os.write(ours, b"ls\r")
                assert b"ls\r" in await _read_terminal(ours, b"ls\r")
                os.write(ours, b"\x10\x11")
                assert await process.wait() == 0
        finally:
            os.close(ours)
        await server.until_connections(0)
        web = server.engine.containers.find("web")
        assert (web.status, web.size) == ("running", (33, 99))


async def _read_terminal(descriptor: int, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        await anyio.wait_readable(descriptor)
        data += os.read(descriptor, 4096)
    return data


async def test_push_sends_credentials_and_shows_the_lines(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        config = tmp_path / ".docker"
        config.mkdir()
        (config / "config.json").write_text('{"auths": {"reg.lan": {"auth": "bWU6cGFzcw=="}}}')
        done = await docker(server, "push", "reg.lan/team/app:1")
        everything = await docker(server, "push", "--all-tags", "reg.lan/team/app")
        pushed = server.engine.images.pushed
    assert (done.code, everything.code) == (0, 0)
    assert "The push refers to repository [reg.lan/team/app:1]" in done.out
    assert [name for name, _ in pushed] == ["reg.lan/team/app:1", "reg.lan/team/app"]
    assert pushed[0][1]
    assert (pushed[0][1].username, pushed[0][1].password) == ("me", "pass")


async def test_a_push_that_fails_half_way_is_an_error(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        server.engine.images.pull_error = RegistryError("denied: no")
        done = await docker(server, "push", "reg.lan/app:1")
    assert (done.code, done.err.strip()) == (1, "denied: no")


async def test_pull_all_tags_asks_for_no_tag(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        done = await docker(server, "pull", "--all-tags", "team/app")
        assert done.code == 0, done.err
        assert [name for name, _, _ in server.engine.images.pulled] == [f"docker.io/team/app:{tag}" for tag in "12"]


@pytest.mark.parametrize("host", ["gives.tokens", "other.lan"])
async def test_login_keeps_what_the_engine_says(tmp_path: Path, host: str) -> None:
    async with served(tmp_path) as server:
        wrong = await docker(server, "login", "-u", "me", "--password-stdin", host, stdin=b"wrong")
        right = await docker(server, "login", "-u", "me", "--password-stdin", host, stdin=b"right")
        kept = (tmp_path / ".docker" / "config.json").read_text()
    assert wrong.code == 1
    assert "unauthorized: incorrect username or password" in wrong.err
    assert right.code == 0, right.err
    assert "Login Succeeded" in right.out
    assert ("a-token" in kept) is (host == "gives.tokens")


async def test_search_prints_what_is_found(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        found = await docker(server, "search", "--format", "{{.Name}} {{.StarCount}} {{.IsOfficial}}", "redis")
        official = await docker(
            server, "search", "--filter", "is-official=true", "--filter", "stars=5", "--format", "{{.Name}}", "redis"
        )
        too_many = await docker(server, "search", "--limit", "101", "redis")
    assert [line.split()[:2] for line in found.out.splitlines()] == [["redis", "5"], ["my/redis", "0"]]
    assert official.out.split() == ["redis"]
    assert too_many.code == 1
