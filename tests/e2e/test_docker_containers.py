"""What Docker's clients ask of containers: wishes shown again, changed while they live, listed and refused."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from docker.errors import APIError

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

LINES = "{{.Names}} {{.State}}"


@pytest.fixture
def engine(machine: Machine) -> Iterator[Machine]:
    """The engine, without containers afterwards."""
    yield machine
    if names := machine.docker("ps", "--all", "--quiet").stdout.split():
        machine.docker("rm", "--force", "--volumes", *names)


def inspect(machine: Machine, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(machine.docker("inspect", name).stdout)
    return found[0]


def names(machine: Machine, *filters: str) -> set[str]:
    options = [word for item in filters for word in ("--filter", item)]
    return set(machine.docker("ps", "--all", "--format", "{{.Names}}", *options).stdout.split())


def test_an_inspection_has_dockers_fields_and_no_others(engine: Machine) -> None:
    engine.docker("create", "--name", "plain", "busybox", "true")
    found = inspect(engine, "plain")
    assert sorted(found["Config"]) == [
        "AttachStderr", "AttachStdin", "AttachStdout", "Cmd", "Domainname", "Entrypoint", "Env", "Hostname", "Image",
        "Labels", "OnBuild", "OpenStdin", "StdinOnce", "Tty", "User", "Volumes", "WorkingDir",
    ]  # fmt: skip
    host = found["HostConfig"]
    assert (host["NetworkMode"], host["IpcMode"], host["RestartPolicy"]["Name"]) == ("bridge", "private", "no")
    assert (host["Binds"], host["Dns"], host["CapAdd"], host["PortBindings"]) == (None, [], None, {})
    assert "/proc/kcore" in host["MaskedPaths"]
    assert found["State"]["Status"] == "created"


def test_limits_of_a_running_container_are_changed_by_the_command_line(engine: Machine) -> None:
    engine.docker("run", "--detach", "--name", "box", "--stop-signal", "KILL", "busybox", "sleep", "1000")
    limits = ("--memory", "32m", "--memory-swap", "64m", "--cpus", "0.5", "--pids-limit", "20")
    assert engine.docker("update", *limits, "--restart", "unless-stopped", "box").stdout.strip() == "box"
    host = inspect(engine, "box")["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (
        32 << 20, 64 << 20, 500_000_000, 20,
    )  # fmt: skip
    refused = engine.docker("update", "--cpu-quota", "5000", "box", succeeds=False)
    assert "CPU Quota cannot be updated as NanoCPUs has already been set" in refused.stderr


def test_docker_py_changes_limits_and_hears_of_conflicts(engine: Machine, client: docker.DockerClient) -> None:
    container = client.containers.run("busybox", ["sleep", "1000"], detach=True, name="box", mem_limit="64m")
    container.update(mem_limit="32m", cpu_shares=512)
    container.reload()
    assert container.attrs["HostConfig"]["CpuShares"] == 512
    with pytest.raises(APIError) as failure:
        container.update(mem_limit="1g")
    assert failure.value.status_code == 409
    client.containers.create("busybox", name="other")
    with pytest.raises(APIError, match="already in use by container"):
        container.rename("other")


def test_listings_are_filtered_by_what_containers_are_and_do(engine: Machine) -> None:
    engine.docker("run", "--detach", "--name", "web", "--publish", "127.0.0.1::80", "busybox", "sleep", "1000")
    engine.docker("run", "--name", "job", "--label", "kind=job", "busybox", "sh", "-c", "exit 3", succeeds=False)
    engine.docker("create", "--name", "later", "--volume", "data:/data", "busybox")
    assert names(engine) == {"web", "job", "later"}
    assert names(engine, "status=running") == names(engine, "expose=80") == {"web"}
    assert names(engine, "exited=3") == names(engine, "label=kind=job") == {"job"}
    assert names(engine, "volume=data") == names(engine, "since=job") == {"later"}
    assert names(engine, "before=job", "name=^web$", "ancestor=busybox") == {"web"}


def test_the_ancestors_of_a_container_are_those_of_its_image(engine: Machine) -> None:
    engine.docker("run", "--name", "first", "busybox", "touch", "/x")
    engine.docker("commit", "first", "made-here")
    engine.docker("create", "--name", "second", "made-here")
    assert names(engine, "ancestor=busybox") == {"first", "second"}
    assert names(engine, "ancestor=made-here") == {"second"}
    assert names(engine, "ancestor=unknown") == set()


def test_what_docker_refuses_is_refused_in_its_words(engine: Machine) -> None:
    for options, words in (
        (("--memory", "1m"), "Minimum memory limit allowed is 6MB"),
        (("--runtime", "wings"), "unknown or invalid runtime name: wings"),
        (("--cap-add", "FLY"), 'invalid CapAdd: unknown capability: "CAP_FLY"'),
        (("--storage-opt", "size=1G"), "--storage-opt is supported only for overlay over xfs"),
        (("--cpuset-cpus", "4000"), "Requested CPUs are not available"),
        (("--link", "nobody"), "could not get container for nobody"),
    ):
        assert words in engine.docker("create", *options, "busybox", succeeds=False).stderr
    assert not names(engine)


def test_a_stop_by_hand_outlasts_the_engine_and_other_ends_do_not(engine: Machine) -> None:
    for name in ("stays", "stopped"):
        engine.docker("run", "--detach", "--name", name, "--restart", "unless-stopped", "busybox", "sleep", "1000")
    engine.docker("stop", "--time", "0", "stopped")
    engine.end_engine(signal.SIGKILL)
    engine.start_engine()
    states = engine.docker("ps", "--all", "--format", LINES).stdout.splitlines()
    assert set(states) == {"stays running", "stopped exited"}


def test_stats_count_only_links_of_the_containers_own(engine: Machine) -> None:
    engine.docker("run", "--detach", "--name", "own", "busybox", "sleep", "1000")
    for name, network in (("host", "host"), ("none", "none"), ("joined", "container:own"), ("far", "container:host")):
        engine.docker("run", "--detach", "--name", name, "--network", network, "busybox", "sleep", "1000")
    client = docker.DockerClient(base_url=engine.address)
    try:
        found = {each.name: sorted(each.stats(stream=False).get("networks", ())) for each in client.containers.list()}
    finally:
        client.close()
    assert found == {"own": ["eth0"], "joined": ["eth0"], "host": [], "none": [], "far": []}
