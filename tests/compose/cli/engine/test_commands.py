"""`pycompose engine …` against a fake engine: what is asked, and what is printed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from compose.cli.commands.engine import COMMANDS, command
from compose.cli.engine.running import creation, failure_code
from compose.cli.run_group import run
from compose.cli.session import Session
from compose.errors import UsageError
from engine.errors import RuntimeFailure
from engine.wire.containers import ContainerCreateRequest, PortBinding
from tests.fakes.serving import Served, served

pytestmark = pytest.mark.anyio

Say = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as made:
        yield made


@pytest.fixture
def say(server: Served, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command; its exit code, and what it printed."""

    async def act(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = await anyio.to_thread.run_sync(run, "pycompose", ["-H", server.address, "engine", *words])
        return code, capsys.readouterr().out

    return act


def options(**given: object) -> dict[str, object]:
    """The options of `run` as click gives them."""
    usual: dict[str, object] = {
        "image": "busybox", "words": (), "detach": False, "is_passing": False, "interactive": False, "tty": False,
        "name": "", "environment": (), "labels": (), "ports": (), "volumes": (), "network": "default", "restart": "",
        "user": "", "workdir": "", "entrypoint": None, "privileged": False, "init": None,
    }  # fmt: skip
    return {**usual, **given}


def test_every_command_of_the_table_is_there() -> None:
    import click

    context = click.Context(command)
    for name in COMMANDS:
        found = command.get_command(context, name)
        assert found is not None
        assert (found.name, found.help) == (name, COMMANDS[name][1])


async def test_containers_are_listed_as_docker_does(server: Served, say: Say) -> None:
    server.engine.containers.script = []
    made = await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
    await server.engine.containers.start("web")
    code, text = await say("ps")
    assert code == 0
    assert text.split("\n")[0].split("  ")[0] == "CONTAINER ID"
    assert made.id[:12] in text
    assert (await say("ps", "-q"))[1] == f"{made.id[:12]}\n"
    assert (await say("ps", "--format", "{{.Names}} {{.Image}}"))[1] == "web busybox\n"
    (record,) = (json.loads(line) for line in (await say("ps", "--format", "json"))[1].splitlines())
    assert (record["Names"], record["State"]) == ("web", "running")


async def test_containers_are_stopped_and_removed_and_what_fails_does_not_keep_the_others(
    server: Served, say: Say
) -> None:
    for name in ("one", "two"):
        await server.engine.containers.create(name, ContainerCreateRequest(image="busybox"))
    assert await say("rm", "none", "one") == (1, "one\n")
    assert await say("rm", "-f", "two") == (0, "two\n")


async def test_images_are_listed_pulled_and_named(say: Say) -> None:
    code, text = await say("images")
    assert (code, text.splitlines()[0].split()) == (0, ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"])
    assert "busybox" in text
    code, text = await say("pull", "-q", "busybox")
    assert (code, text) == (0, "busybox\n")


async def test_networks_and_volumes_come_and_go(say: Say) -> None:
    assert (await say("network", "create", "front"))[0] == 0
    assert "front" in (await say("network", "ls"))[1]
    assert await say("network", "rm", "front") == (0, "front\n")
    assert await say("volume", "create", "data") == (0, "data\n")
    assert await say("volume", "ls", "-q") == (0, "data\n")
    assert await say("volume", "rm", "data") == (0, "data\n")


async def test_anything_is_inspected_by_its_name(say: Say) -> None:
    code, text = await say("inspect", "bridge", "busybox")
    assert code == 0
    assert [item.get("Name", "an image") for item in json.loads(text)] == ["bridge", "an image"]
    assert (await say("inspect", "nothing"))[0] == 1


async def test_an_inspection_is_printed_as_a_template_says(say: Say) -> None:
    assert await say("inspect", "-f", "{{.Name}} {{.Driver}}", "bridge") == (0, "bridge bridge\n")
    code, text = await say("inspect", "--format", "json", "bridge")
    assert (code, text.count("\n")) == (0, 1)
    assert json.loads(text)[0]["Name"] == "bridge"
    assert (await say("inspect", "-f", "{{.Nothing}}", "bridge"))[0] != 0


async def test_what_is_there_is_inspected_whatever_is_not(say: Say) -> None:
    assert await say("inspect", "-f", "{{.Name}}", "nothing", "bridge") == (1, "bridge\n")
    assert await say("inspect", "nothing") == (1, "[]\n")


async def test_containers_are_started_restarted_and_killed(server: Served, say: Say) -> None:
    await server.engine.containers.create("web", ContainerCreateRequest(image="busybox"))
    assert await say("start", "web") == (0, "web\n")
    assert await say("restart", "-t", "0", "web") == (0, "web\n")
    assert await say("kill", "-s", "TERM", "web") == (0, "web\n")
    assert (await say("start", "nobody"))[0] == 1


async def test_the_engine_and_its_disk_are_shown(say: Say) -> None:
    assert "Server Version:" in (await say("info"))[1]
    assert json.loads((await say("info", "--format", "json"))[1])["ServerVersion"] == "9.9.9"
    assert (await say("df"))[1].splitlines()[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]


async def test_events_are_asked_for_by_times_that_people_write(say: Say) -> None:
    assert (await say("events", "--since", "yore"))[0] == 1


async def test_what_cannot_be_run_ends_as_dockers_command_line_does(server: Served, say: Say) -> None:
    server.engine.containers.start_error = RuntimeFailure(
        'unable to start container process: exec: "nosuch": executable file not found in $PATH', exit_code=127
    )
    assert (await say("run", "--rm", "busybox", "nosuch"))[0] == 127


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ('exec: "nosuch": executable file not found in $PATH', 127),
        ('exec: "/nosuch": stat /nosuch: no such file or directory', 127),
        ('exec: "/etc": permission denied', 126),
        ("Bind for 0.0.0.0:80 failed: port is already allocated", 125),
    ],
)
def test_a_refusal_tells_whether_it_is_the_commands(refusal: str, code: int) -> None:
    assert failure_code(refusal) == code


async def test_a_wrong_template_is_told(say: Say) -> None:
    assert (await say("ps", "--format", "{{.Names"))[0] != 0


def test_what_run_is_told_becomes_a_container(tmp_path: Path) -> None:
    session = Session(environment={"COLOUR": "blue"}, cwd=tmp_path)
    made = creation(
        session,
        options(
            words=("sh", "-c", "true"),
            interactive=True,
            environment=("COLOUR", "SIZE=4", "UNKNOWN"),
            ports=("8080:80", "127.0.0.1:5300:53/udp", "9000"),
            volumes=("./here:/there:ro", "data:/data"),
            restart="on-failure:3",
        ),
    )
    assert made.cmd == ["sh", "-c", "true"]
    assert made.env == ["COLOUR=blue", "SIZE=4"]
    assert (made.open_stdin, made.attach_stdin, made.attach_stdout) == (True, True, True)
    assert made.host_config.port_bindings == {
        "80/tcp": [PortBinding(host_port="8080")],
        "53/udp": [PortBinding(host_ip="127.0.0.1", host_port="5300")],
        "9000/tcp": [PortBinding()],
    }
    assert made.host_config.binds == [f"{tmp_path}/here:/there:ro", "data:/data"]
    assert made.host_config.restart_policy.maximum_retry_count == 3


def test_a_detached_container_is_joined_to_nothing(tmp_path: Path) -> None:
    made = creation(Session(environment={}, cwd=tmp_path), options(detach=True, is_passing=True, interactive=True))
    assert (made.open_stdin, made.stdin_once, made.attach_stdout) == (True, False, False)
    assert made.host_config.auto_remove


@pytest.mark.parametrize("text", ["web", "80:web", "a:b:80"])
def test_a_port_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="is not a port to publish"):
        creation(Session(environment={}, cwd=tmp_path), options(ports=(text,)))
