"""`docker checkpoint` and `docker start --checkpoint`, with real processes, where CRIU works.

It needs a CRIU that the kernel agrees with, and runc: in PATH, or where PYCOMPOSE_TESTRUNC says. Elsewhere only the
refusals are tested.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.kernel import KernelState, without_engine
from tests.e2e.machine import Machine, json_lines, pycompose_command
from tests.fakes.checkpoints import RUNC, why_not
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]

# Answers with how many have asked, which only its memory knows, on the address that it had at first.
_COUNTER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((socket.gethostbyname(socket.gethostname()), 80))
print("ready", flush=True)
asked = 0
while True:
    _, who = server.recvfrom(100)
    asked += 1
    server.sendto(str(asked).encode(), who)
"""
# Tells when it begins to write, and goes on when it is told to.
_HALTING = """\
#!/bin/sh
case " $* " in *" checkpoint "*) echo begun > {begun}; read word < {go_on};; esac
exec {runc} "$@"
"""


@pytest.fixture(scope="session")
def _criu() -> None:
    if why := why_not():
        pytest.skip(f"no checkpoints on this machine: {why}")


@pytest.fixture(scope="module")
def able(image_registry: str, docker_program: str, _criu: None) -> Iterator[Machine]:
    """A machine with a runtime that can make checkpoints as its default one, and one that stops on the way."""
    made = Machine.make(image_registry, docker_program)
    home = made.paths.root.parent
    halting = home / "halting"
    halting.write_text(_HALTING.format(begun=home / "begun", go_on=home / "go-on", runc=RUNC))
    halting.chmod(0o755)
    for name in ("begun", "go-on"):
        os.mkfifo(home / name)
    settings = {
        "runtimes": {"runc": {"path": RUNC}, "halting": {"path": str(halting)}},
        "default-runtime": "runc",
    }
    (home / "daemon.json").write_text(json.dumps(settings))
    with_settings = Machine(
        made.paths, {**made.environment, "PYCOMPOSE_DAEMON_CONFIG": str(home / "daemon.json")}, made.docker_program
    )
    try:
        with_settings.start_engine()
        with_settings.docker("pull", "busybox")
        yield with_settings
    finally:
        made.destroy()


@pytest.fixture
def name(able: Machine) -> Iterator[str]:
    """The name of a container that goes with the test."""
    yield "kept"
    able.docker("rm", "--force", "--volumes", "kept")


def run(able: Machine, *words: str) -> None:
    able.docker("run", "--detach", "--name", "kept", *words)


def answer(port: int) -> str:
    """What the counter says, through its published port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(60)
        asking.connect(("127.0.0.1", port))
        asking.send(b"?")
        return asking.recv(100).decode()


def logged(able: Machine, count: int) -> list[str]:
    """The first lines of the container's log, as soon as there are so many."""
    command = [able.docker_program, "--host", able.address, "logs", "--follow", "kept"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        lines = [following.stdout.readline().strip() for _ in range(count)]
        following.kill()
    return lines


def shown(able: Machine, template: str) -> str:
    return able.docker("inspect", "--format", template, "kept").stdout.strip()


def files(able: Machine) -> list[str]:
    """The checkpoints of the container on the disk, half-made ones as well."""
    root = able.paths.containers / shown(able, "{{.Id}}") / "checkpoints"
    return sorted(path.name for path in root.iterdir()) if root.exists() else []


def still(state: KernelState) -> KernelState:
    """What an engine has, whichever engine it is."""
    return without_engine(state)


def test_a_server_stops_and_goes_on_with_its_memory_address_and_port(able: Machine, name: str) -> None:
    port = free_port()
    able.docker("network", "create", "wide")
    before = able.kernel()
    try:
        able.docker(
            "create",
            "--name",
            name,
            "--network",
            "wide",
            "--publish",
            f"{port}:80/udp",
            "python:3.12-slim",
            "python3",
            "-c",
            _COUNTER,
        )
        created = able.kernel()
        able.docker("start", name)
        assert logged(able, 1) == ["ready"]
        address = shown(able, "{{.NetworkSettings.Networks.wide.IPAddress}}")
        assert [answer(port), answer(port)] == ["1", "2"]

        assert able.docker("checkpoint", "create", name, "cp1").stdout == "cp1\n"
        assert shown(able, "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"
        stopped = able.kernel()
        assert (stopped.mounts, stopped.links, stopped.cgroups, stopped.firewall) == (
            created.mounts, created.links, created.cgroups, created.firewall,
        )  # fmt: skip

        able.docker("start", "--checkpoint", "cp1", name)
        assert [answer(port), answer(port)] == ["3", "4"]
        assert shown(able, "{{.NetworkSettings.Networks.wide.IPAddress}}") == address
        able.docker("exec", name, "python3", "-c", f"import socket; socket.gethostbyname('{name}')")
        able.docker("stop", "--time", "0", name)
        able.docker("start", name)
        assert logged(able, 2) == ["ready", "ready"]
        assert answer(port) == "1"
    finally:
        able.docker("rm", "--force", name)
    assert able.kernel() == before
    able.docker("network", "rm", "wide")


def test_it_goes_on_in_an_engine_that_was_started_since_where_it_was(able: Machine, name: str) -> None:
    script = "while true; do i=$((i+1)); echo $i; sleep 0.1; done"
    template = "{{.NetworkSettings.Networks.narrow.IPAddress}}"
    able.docker("network", "create", "narrow")
    try:
        able.docker("run", "--detach", "--name", "lower", "--network", "narrow", "busybox", "sleep", "1000")
        run(able, "--network", "narrow", "busybox", "sh", "-c", script)
        address = shown(able, template)
        able.docker("checkpoint", "create", name, "cp1")
        before = len(able.docker("logs", name).stdout.split())
        able.docker("rm", "--force", "lower")
        able.end_engine(signal.SIGTERM)
        able.start_engine()
        able.docker("start", "--checkpoint", "cp1", name)
        # A lower address is free now.
        assert shown(able, template) == address
        assert logged(able, before + 2) == [str(number + 1) for number in range(before + 2)]
    finally:
        able.docker("rm", "--force", "lower", name)
        able.docker("network", "rm", "narrow")


def test_one_that_is_left_running_goes_on_and_its_checkpoints_are_listed_and_removed(able: Machine, name: str) -> None:
    run(able, "busybox", "sleep", "1000")
    pid = shown(able, "{{.State.Pid}}")
    for checkpoint in ("first", "second"):
        able.docker("checkpoint", "create", "--leave-running", name, checkpoint)
    assert (shown(able, "{{.State.Status}} {{.State.Pid}}")) == f"running {pid}"
    assert able.docker("checkpoint", "ls", name).stdout.split() == ["CHECKPOINT", "NAME", "first", "second"]
    able.docker("checkpoint", "rm", name, "first")
    assert files(able) == ["second"]
    able.docker("exec", name, "true")


def test_a_terminal_comes_back_with_what_runs_in_it(able: Machine, name: str) -> None:
    able.docker("run", "--detach", "--interactive", "--tty", "--name", name, "busybox", "sh")
    client = docker.APIClient(base_url=able.address, timeout=60)
    try:
        _type(client, "kept=once-$((40+2)); stty rows 33 cols 99; echo said-$((1+1))\n", "said-2")
        able.docker("checkpoint", "create", name, "cp1")
        able.docker("start", "--checkpoint", "cp1", name)
        said = _type(client, "echo $kept; stty size; tty; echo said-$((2+2))\n", "said-4")
    finally:
        client.close()
    assert "once-42" in said
    assert "33 99" in said
    assert "/dev/pts/0" in said


def _type(client: docker.APIClient, keys: str, until: str) -> str:
    """Type into the container's terminal and read until a word comes."""
    stream = client.attach_socket("kept", params={"stdin": 1, "stdout": 1, "stream": 1})
    try:
        stream._sock.sendall(keys.encode())  # docker-py hands out a file with a socket inside
        said = ""
        while until not in said:
            said += stream._sock.recv(4096).decode()
        return said
    finally:
        stream._sock.close()
        stream.close()


def test_files_volumes_and_memory_file_systems_come_back(able: Machine, name: str) -> None:
    script = "echo seen > /t/x; exec 5< /t/x; rm /t/x; exec 6> /data/open; echo shared > /dev/shm/y; sleep 1000"
    run(able, "--volume", "/data", "--tmpfs", "/t", "busybox", "sh", "-c", f"{script} & wait")
    able.docker("exec", name, "sh", "-c", "until [ -e /dev/shm/y ]; do usleep 10000; done")
    able.docker("checkpoint", "create", name, "cp1")
    able.docker("start", "--checkpoint", "cp1", name)
    read = "cat /dev/shm/y; for p in /proc/[0-9]*; do readlink $p/fd/6 && cat $p/fd/5; done 2>/dev/null | sort -u"
    assert able.docker("exec", name, "sh", "-c", read).stdout.split() == ["shared", "/data/open", "seen"]


def test_health_checks_and_restart_policies_count_again(able: Machine, name: str) -> None:
    run(able, "--restart", "always", "--health-cmd", "true", "--health-interval", "200ms", "busybox", "sleep", "1000")
    able.docker("checkpoint", "create", name, "cp1")
    assert shown(able, "{{.State.Status}}") == "exited"
    with subprocess.Popen(
        [
            able.docker_program,
            "--host",
            able.address,
            "events",
            "--filter",
            f"container={name}",
            "--format",
            "{{.Action}}",
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as events:
        assert events.stdout is not None
        able.docker("start", "--checkpoint", "cp1", name)
        _until(events.stdout, "health_status: healthy")
        os.kill(int(shown(able, "{{.State.Pid}}")), signal.SIGKILL)
        _until(events.stdout, "start")
        events.kill()


def _until(lines: Iterator[str], word: str) -> None:
    """Read events until one comes; what was told before is passed over."""
    assert any(line.strip() == word for line in lines)


def test_a_checkpoint_in_a_chosen_directory_is_a_start_for_another_container(able: Machine, name: str) -> None:
    kept = able.paths.root.parent / "checkpoints"
    run(able, "busybox", "sh", "-c", "x=memory; trap 'echo $x; exit 7' USR1; while true; do sleep 1; done")
    able.docker("checkpoint", "create", "--checkpoint-dir", str(kept), name, "cp1")
    assert "cp1" in able.docker("checkpoint", "ls", "--checkpoint-dir", str(kept), name).stdout
    able.docker("rm", name)
    able.docker("create", "--name", name, "busybox", "other", "command")
    able.docker("start", "--checkpoint-dir", str(kept), "--checkpoint", "cp1", name)
    able.docker("kill", "--signal", "USR1", name)
    assert able.docker("wait", name).stdout == "7\n"
    assert able.docker("logs", name).stdout == "memory\n"
    able.docker("checkpoint", "rm", "--checkpoint-dir", str(kept), name, "cp1")
    assert list(kept.iterdir()) == []


def test_a_container_that_does_not_fit_its_checkpoint_any_more_is_not_restored_and_nothing_stays(
    able: Machine, name: str
) -> None:
    run(able, "busybox", "sh", "-c", "exec 3> /grows; sleep 1000")
    able.docker("exec", name, "sh", "-c", "until [ -e /grows ]; do usleep 10000; done")
    able.docker("checkpoint", "create", name, "cp1")
    before = able.kernel()
    file = able.paths.root.parent / "grows"
    file.write_text("more than there was")
    able.docker("cp", str(file), f"{name}:/grows")
    refused = able.docker("start", "--checkpoint", "cp1", name, succeeds=False)
    assert "OCI runtime restore failed: criu failed: File grows has bad size 19 (expect 0)" in refused.stderr
    assert (able.kernel(), files(able)) == (before, ["cp1"])
    able.docker("start", name)


def test_what_cannot_be_written_down_goes_on_undisturbed(able: Machine, name: str) -> None:
    run(able, "busybox", "sh", "-c", "sleep 1000 | nc -l -p 80")
    connect = "until netstat -tln | grep -q :80; do usleep 10000; done; sleep 1000 | nc 127.0.0.1 80"
    able.docker("exec", "--detach", name, "sh", "-c", connect)
    able.docker("exec", name, "sh", "-c", "until netstat -tn | grep -q ESTABLISHED; do usleep 10000; done")
    refused = able.docker("checkpoint", "create", name, "cp1", succeeds=False)
    assert "Cannot checkpoint container kept: OCI runtime checkpoint failed: criu failed: " in refused.stderr
    assert "Connected TCP socket" in refused.stderr
    assert shown(able, "{{.State.Status}}") == "running"
    able.docker("exec", name, "true")
    assert files(able) == []


def test_an_engine_that_is_killed_meanwhile_leaves_a_container_that_runs_on(able: Machine, name: str) -> None:
    home = able.paths.root.parent
    run(able, "--runtime", "halting", "busybox", "sleep", "1000")
    pid = shown(able, "{{.State.Pid}}")
    with subprocess.Popen(
        [able.docker_program, "--host", able.address, "checkpoint", "create", name, "cp1"], stderr=subprocess.DEVNULL
    ):
        assert (home / "begun").read_text() == "begun\n"
        able.end_engine(signal.SIGKILL)
    # The next one waits for who still writes.
    with subprocess.Popen(
        [*pycompose_command(), "ps"], cwd=able.paths.root, env=dict(able.environment), stdout=subprocess.DEVNULL
    ) as starting:
        (home / "go-on").write_text("now\n")
    assert starting.returncode == 0
    assert shown(able, "{{.State.Status}} {{.State.Pid}}") == f"running {pid}"
    able.docker("exec", name, "true")
    assert files(able) == []


def test_mistakes_are_told_in_dockers_words(able: Machine, name: str) -> None:
    run(able, "busybox", "sleep", "1000")
    identity = shown(able, "{{.Id}}")
    able.docker("checkpoint", "create", "--leave-running", name, "cp1")
    for words, said in (
        (("checkpoint", "create", name, "cp1"), "checkpoint with name cp1 already exists for container kept"),
        (("checkpoint", "create", name, "a/b"), 'invalid checkpoint ID "a/b"'),
        (("checkpoint", "rm", name, "none"), "checkpoint none does not exist for container kept"),
        (("checkpoint", "ls", "nobody"), "No such container: nobody"),
    ):
        assert said in able.docker(*words, succeeds=False).stderr
    able.docker("stop", "--time", "0", name)
    for words, said in (
        (("checkpoint", "create", name, "cp2"), f"container {identity} is not running"),
        (("start", "--checkpoint", "none", name), "checkpoint none does not exist for container kept"),
    ):
        assert said in able.docker(*words, succeeds=False).stderr
    assert files(able) == ["cp1"]


def test_commits_and_copies_know_nothing_of_checkpoints(able: Machine, name: str) -> None:
    run(able, "busybox", "sleep", "1000")
    able.docker("checkpoint", "create", name, "cp1")
    assert able.docker("diff", name).stdout in ("", "C /tmp\n")  # CRIU has files there while it works
    assert json_lines(able.docker("ps", "--all", "--size", "--format", "json").stdout)[0]["Size"].startswith("0B")


def test_where_the_runtime_cannot_it_is_said_what_is_missing(machine: Machine, client: docker.DockerClient) -> None:
    if (
        "docker checkpoint works"
        in machine.pycompose("engine", "doctor", cwd=machine.paths.root, succeeds=False).stdout
    ):
        pytest.skip("the default runtime of this machine makes checkpoints")
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True)
    try:
        address = client.api._url("/containers/{0}/checkpoints", container.id)
        answered = client.api._post_json(address, data={"CheckpointID": "cp1", "Exit": True})
        assert answered.status_code == 503
        assert "(hint: " in answered.json()["message"]
        container.reload()
        assert container.status == "running"
    finally:
        container.remove(force=True)
