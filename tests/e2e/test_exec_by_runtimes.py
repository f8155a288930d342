"""`docker exec` in containers of each runtime: runc where there is one, in PATH or where PYCOMPOSE_TEST_RUNC says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import docker
import pytest

from tests.e2e.machine import Machine
from tests.e2e.terminal import Terminal
from tests.fakes.checkpoints import RUNC

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(scope="module")
def both(image_registry: str, docker_program: str) -> Iterator[Machine]:
    """A machine whose user has named a runtime, but no default one."""
    made = Machine.make(image_registry, docker_program)
    home = made.paths.root.parent
    named = {"runc": {"path": RUNC}} if RUNC else {}
    (home / "daemon.json").write_text(json.dumps({"runtimes": named}))
    environment = {**made.environment, "PYCOMPOSE_DAEMON_CONFIG": str(home / "daemon.json")}
    configured = Machine(made.paths, environment, made.docker_program)
    try:
        configured.start_engine()
        configured.docker("pull", "--quiet", "busybox")
        yield configured
    finally:
        made.destroy()


@pytest.fixture(params=["crun", "runc"])
def box(both: Machine, request: pytest.FixtureRequest) -> Iterator[str]:
    """A running container of a runtime."""
    if request.param == "runc" and not RUNC:
        pytest.skip("there is no runc (PATH or PYCOMPOSE_TEST_RUNC)")
    both.docker("run", "--detach", "--init", "--name", "box", "--runtime", request.param, "busybox", "sleep", "1000")
    yield "box"
    both.docker("rm", "--force", "box")


def terminal(machine: Machine, *arguments: str) -> Terminal:
    command = [machine.docker_program, "--host", machine.address, *arguments]
    return Terminal(command, cwd=machine.paths.root, environment=machine.environment)


def test_a_runtime_that_is_named_does_not_become_the_default(both: Machine) -> None:
    info = json.loads(both.docker("info", "--format", "{{json .}}").stdout)
    assert info["DefaultRuntime"] == "crun" if RUNC else "runc"


def test_a_terminal_is_a_conversation_and_gives_back_the_exit_code(both: Machine, box: str) -> None:
    with terminal(both, "exec", "-it", box, "sh") as shell:
        shell.expect("#")
        shell.press("echo $((6 * 7)) $(tty)\n")
        shell.expect("42 /dev/")
        shell.press("exit 9\n")
        assert shell.wait() == 9


def test_detach_keys_leave_the_process_running(both: Machine, box: str) -> None:
    with terminal(both, "exec", "-it", box, "sh") as shell:
        shell.expect("#")
        shell.press("echo still$((1))\n")
        shell.expect("still1")
        shell.press("\x10\x11")
        shell.wait()
    listed = both.docker("top", box, "-o", "pid,args").stdout
    assert [line.split()[1:] for line in listed.splitlines()].count(["sh"]) == 1


def test_a_detached_process_is_inspected_until_it_has_ended(both: Machine, box: str) -> None:
    client = docker.APIClient(base_url=both.address, timeout=60)
    try:
        asked = client.exec_create(box, ["sh", "-c", "cat /fifo; exit 5"], tty=True)["Id"]
        both.docker("exec", box, "mkfifo", "/fifo")
        client.exec_start(asked, detach=True)
        assert client.exec_inspect(asked)["Running"] is True
        events = client.events(filters={"event": "exec_die"}, decode=True)
        both.docker("exec", "-d", box, "sh", "-c", "echo go >/fifo")
        ended = {}
        while asked not in ended:
            attributes = next(events)["Actor"]["Attributes"]
            ended[attributes["execID"]] = attributes["exitCode"]
        assert ended[asked] == "5"
        assert client.exec_inspect(asked)["ExitCode"] == 5
    finally:
        client.close()
