"""The real docker command line works against our engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.machine import Machine
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.root, pytest.mark.net]

# The first process of a container has no default handlers: without the trap, stopping takes the grace period.
STAY = "trap 'exit 0' TERM; echo ready; while :; do sleep 1000 & wait $!; done"


@pytest.fixture(autouse=True, scope="module")
def _image(machine: Machine) -> None:
    """Whoever creates a container by the API alone has to have its image."""
    machine.docker("pull", "--quiet", "busybox")


@pytest.fixture
def container(machine: Machine) -> Iterator[str]:
    """A running container that says `ready` and ends at once when it is asked to."""
    machine.docker("run", "--detach", "--name", "stay", "busybox", "sh", "-c", STAY)
    until_ready(machine, "stay")
    yield "stay"
    machine.docker("rm", "--force", "--volumes", "stay")


def until_ready(machine: Machine, name: str) -> None:
    """Wait until a container has said `ready`: before that, what asks it to end may be lost on it."""
    command = [machine.docker_program, "--host", machine.address, "logs", "--follow", name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "ready\n"
        following.kill()


def terminal(machine: Machine, *arguments: str) -> Terminal:
    command = [machine.docker_program, "--host", machine.address, *arguments]
    return Terminal(command, cwd=machine.paths.root, environment=machine.environment)


def test_version_and_info_describe_the_engine(machine: Machine) -> None:
    server = json.loads(machine.docker("version", "--format", "{{json .Server}}").stdout)
    assert server["ApiVersion"]
    assert server["Os"] == "linux"
    info = json.loads(machine.docker("info", "--format", "{{json .}}").stdout)
    assert info["Driver"].startswith("overlay")
    assert info["OSType"] == "linux"


def test_pull_and_images_name_the_image_as_it_was_asked_for(machine: Machine) -> None:
    assert "alpine:3.20" in machine.docker("pull", "alpine:3.20").stdout
    assert "alpine:3.20" in machine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    machine.docker("rmi", "alpine:3.20")
    assert "alpine:3.20" not in machine.docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()


def test_hello_world_is_pulled_run_and_removed(machine: Machine) -> None:
    done = machine.docker("run", "--rm", "--name", "greeting", "hello-world")
    assert "Hello from Docker!" in done.stdout
    assert "greeting" not in machine.docker("ps", "--all", "--format", "{{.Names}}").stdout


def test_run_passes_stdin_through_and_gives_back_streams_and_exit_code(machine: Machine) -> None:
    script = "cat; echo problem >&2; exit 3"
    done = machine.docker("run", "--rm", "-i", "busybox", "sh", "-c", script, stdin="over the wire\n", succeeds=False)
    assert done.stdout == "over the wire\n"
    assert "problem" in done.stderr
    assert done.returncode == 3


def test_run_with_a_terminal_is_a_conversation(machine: Machine) -> None:
    with terminal(machine, "run", "--rm", "-it", "busybox", "sh") as shell:
        shell.expect("#")
        shell.press("echo $((6 * 7)) $(tty)\n")
        shell.expect("42 /dev/")
        shell.press("exit 4\n")
        assert shell.wait() == 4


def test_ps_shows_a_running_container(machine: Machine, container: str) -> None:
    listed = machine.docker("ps", "--format", "{{.Names}} {{.Image}} {{.State}}").stdout
    assert f"{container} busybox running" in listed.splitlines()


def test_logs_follow_until_the_container_ends(machine: Machine, container: str) -> None:
    command = [machine.docker_program, "--host", machine.address, "logs", "--follow", container]
    with subprocess.Popen(command, env=machine.environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "ready\n"
        machine.docker("stop", container)
        assert following.stdout.read() == ""
        assert following.wait(timeout=60) == 0


def test_exec_with_a_terminal_sees_the_containers_own_processes(machine: Machine, container: str) -> None:
    with terminal(machine, "exec", "-it", container, "sh") as shell:
        shell.expect("#")
        shell.press("ps | grep -c 'trap'\n")
        shell.expect("\n")
        shell.press("exit 9\n")
        assert shell.wait() == 9


def test_stop_ends_a_container_with_its_own_exit_code_and_rm_forgets_it(machine: Machine) -> None:
    machine.docker("run", "--detach", "--name", "ends", "busybox", "sh", "-c", STAY)
    until_ready(machine, "ends")
    machine.docker("stop", "ends")
    assert machine.docker("inspect", "--format", "{{.State.ExitCode}}", "ends").stdout.strip() == "0"
    machine.docker("rm", "ends")
    assert machine.docker("inspect", "ends", succeeds=False).returncode == 1


def test_the_name_of_a_container_of_rm_is_free_after_its_stop(machine: Machine) -> None:
    for _ in range(5):
        machine.docker("run", "--detach", "--rm", "--init", "--name", "again", "busybox", "sleep", "1000")
        machine.docker("stop", "again")


def test_a_port_exposed_without_its_protocol_is_the_same_port(machine: Machine) -> None:
    client = docker.APIClient(base_url=machine.address, timeout=60)
    try:
        made = client.create_container_from_config(
            {"Image": "busybox", "Cmd": ["sleep", "1000"], "ExposedPorts": {"80": {}, "80/tcp": {}, "53/udp": {}}},
            "both",
        )
        client.start(made)
        (listed,) = client.containers(filters={"name": "both"})
        assert sorted((port["PrivatePort"], port["Type"]) for port in listed["Ports"]) == [(53, "udp"), (80, "tcp")]
        assert client.inspect_container("both")["NetworkSettings"]["Ports"] == {"80/tcp": None, "53/udp": None}
    finally:
        client.close()
        machine.docker("rm", "--force", "both")


def test_networks_and_volumes_are_made_listed_and_removed(machine: Machine) -> None:
    assert {"bridge", "host", "none"} <= set(machine.docker("network", "ls", "--format", "{{.Name}}").stdout.split())
    machine.docker("network", "create", "lan")
    machine.docker("volume", "create", "keep")
    assert "lan" in machine.docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    assert "keep" in machine.docker("volume", "ls", "--format", "{{.Name}}").stdout.split()
    machine.docker("run", "--rm", "--volume", "keep:/data", "busybox", "sh", "-c", "echo kept >/data/note")
    assert machine.docker("run", "--rm", "-v", "keep:/data", "busybox", "cat", "/data/note").stdout == "kept\n"
    machine.docker("network", "rm", "lan")
    machine.docker("volume", "rm", "keep")


def test_containers_on_one_network_find_each_other_by_name(machine: Machine, container: str) -> None:
    machine.docker("network", "create", "meet")
    machine.docker("network", "connect", "--alias", "friend", "meet", container)
    for name in (container, "friend"):
        machine.docker("run", "--rm", "--network", "meet", "busybox", "ping", "-c", "1", "-W", "5", name)
    machine.docker("network", "disconnect", "meet", container)
    machine.docker("network", "rm", "meet")


def test_events_tell_a_containers_life_in_order(machine: Machine) -> None:
    command = [machine.docker_program, "--host", machine.address, "events", "--filter", "container=story"]
    command += ["--since", "0", "--format", "{{.Action}}"]
    with subprocess.Popen(command, env=machine.environment, stdout=subprocess.PIPE, text=True) as events:
        assert events.stdout is not None
        machine.docker("run", "--rm", "--name", "story", "busybox", "true")
        seen = []
        while "destroy" not in seen:
            seen.append(events.stdout.readline().strip())
            assert seen[-1], seen
        events.terminate()
        events.stdout.read()
    assert [action for action in seen if action in ("create", "start", "die", "destroy")] == [
        "create", "start", "die", "destroy",
    ]  # fmt: skip
