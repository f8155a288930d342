"""What is sure to fail is told before anything is done, all of it at once, by every command that starts something."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.fakes.addresses import own_subnet
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: foreseen
services:
  web:
    image: busybox
    command: sleep 1000
    depends_on: [db]
    ports: ["127.0.0.1:{port}:80"]
    volumes: [{{type: bind, source: ./there, target: /there, bind: {{create_host_path: false}}}}]
  db: {{image: nobody/has:1, pull_policy: never}}
networks: {{default: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}}}
"""
TROUBLES = ("which is not there", "is in use on this host", "may not be pulled", "overlaps with that of network")
SUBNET = str(own_subnet())


def told(text: str, troubles: tuple[str, ...] = TROUBLES) -> set[str]:
    return {trouble for trouble in troubles if trouble in text}


def test_up_run_and_plan_tell_everything_and_do_nothing(machine: Machine, tmp_path: Path) -> None:
    machine.docker("network", "create", "--subnet", SUBNET, "foreseen-other")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "compose.yaml").write_text(STACK.format(port=taken.getsockname()[1], subnet=SUBNET))
        for command in ("up", "-d"), ("run", "--rm", "--service-ports", "web", "true"), ("plan",):
            done = machine.pycompose(*command, cwd=tmp_path, succeeds=False)
            assert (done.returncode, told(done.stderr)) == (1, set(TROUBLES)), (command, done.stderr)
        # Ports are not needed by what is not started.
        done = machine.pycompose("create", cwd=tmp_path, succeeds=False)
        assert (done.returncode, told(done.stderr)) == (1, set(TROUBLES) - {TROUBLES[1]})
    assert machine.docker("ps", "-aq").stdout == ""
    machine.docker("network", "rm", "foreseen-other")


def test_a_plan_that_cannot_be_carried_out_is_shown_and_not_written(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(STACK.format(port=0, subnet=SUBNET))
    done = machine.pycompose("plan", "--format", "json", "--out", "plan.json", cwd=tmp_path, succeeds=False)
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert "foreseen-web-1" in {entry["name"] for entry in document["entries"]}
    assert [problem["line"] for problem in document["problems"]] == [10, 9]
    assert all(problem["message"] and problem["file"] == "compose.yaml" for problem in document["problems"])
    assert not (tmp_path / "plan.json").exists()
    text = machine.pycompose("plan", cwd=tmp_path, succeeds=False).stdout
    assert text.splitlines()[-1].endswith("; cannot be carried out (2 problems)")


def test_a_start_tells_of_ports_and_directories_that_have_gone(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    port = free_port()  # which nobody else gets, once it is free again
    with socket.create_server(("127.0.0.1", port)):
        text = STACK.format(port=port, subnet=SUBNET).replace("nobody/has:1, pull_policy: never", "busybox")
        (tmp_path / "compose.yaml").write_text(text)
        machine.pycompose("create", cwd=tmp_path)
        (tmp_path / "there").rmdir()
        done = machine.pycompose("start", cwd=tmp_path, succeeds=False)
        assert (done.returncode, told(done.stderr)) == (1, set(TROUBLES[:2])), done.stderr
        assert machine.docker("ps", "-q").stdout == "", "nothing is started"
    (tmp_path / "there").mkdir()
    machine.pycompose("start", cwd=tmp_path)
    machine.pycompose("down", "-t", "0", cwd=tmp_path)


@pytest.mark.parametrize("command", [("up", "-d"), ("pull",), ("create",), ("run", "--rm", "web")], ids=" ".join)
def test_every_image_that_is_refused_is_told(command: tuple[str, ...], machine: Machine, tmp_path: Path) -> None:
    web, db = "web: {image: 'nobody/one:1', depends_on: [db]}", "db: {image: 'nobody/two:1'}"
    (tmp_path / "compose.yaml").write_text(f"name: refused\nservices:\n  {web}\n  {db}\n")
    done = machine.pycompose(*command, cwd=tmp_path, succeeds=False)
    assert done.returncode == 1
    told_of = re.findall(r"^compose.yaml:(\d):.* error: pulling (\S+):1:", done.stderr, re.MULTILINE)
    assert told_of == [("3", "nobody/one"), ("4", "nobody/two")], "in the order of the file"
    assert machine.docker("ps", "-aq").stdout == ""
    assert machine.docker("network", "ls", "-q", "--filter", "name=refused").stdout == ""


def test_a_start_tells_of_networks_that_have_gone_and_up_makes_them_again(machine: Machine, tmp_path: Path) -> None:
    services = "{image: busybox, init: true, command: sleep 1000, networks: [front]}"
    hermit = "{image: busybox, init: true, command: sleep 1000, network_mode: none}"
    (tmp_path / "compose.yaml").write_text(
        f"name: lost\nservices: {{web: {services}, db: {services}, hermit: {hermit}}}\nnetworks: {{front: {{}}}}\n"
    )
    machine.pycompose("create", cwd=tmp_path)
    machine.docker("network", "rm", "lost_front")
    done = machine.pycompose("start", cwd=tmp_path, succeeds=False)
    assert done.returncode == 1
    assert "network lost_front of containers lost-db-1, lost-web-1 is gone" in done.stderr
    assert machine.docker("ps", "-q").stdout == "", "nothing is started"
    machine.pycompose("start", "hermit", cwd=tmp_path)
    machine.pycompose("up", "-d", cwd=tmp_path)
    assert len(machine.docker("ps", "-q").stdout.split()) == 3
    machine.pycompose("down", "-t", "0", cwd=tmp_path)


def test_one_address_for_two_services_is_told_before_anything_is_done(machine: Machine, tmp_path: Path) -> None:
    address = str(own_subnet()[5])
    both = {"image": "busybox", "command": "sleep 1000", "init": True, "networks": {"n": {"ipv4_address": address}}}
    services = {"a": both, "b": both, "off": {**both, "profiles": ["never"]}}
    network = {"ipam": {"config": [{"subnet": SUBNET}]}}
    (tmp_path / "compose.yaml").write_text(
        json.dumps({"name": "alike", "services": services, "networks": {"n": network}}, indent=1)
    )
    for command in ("up", "-d"), ("plan",):
        done = machine.pycompose(*command, cwd=tmp_path, succeeds=False)
        assert done.returncode == 1
        assert re.search(rf"^compose.yaml:\d+:\d+: error: address {address} of .*alike-b-1", done.stderr, re.MULTILINE)
    assert machine.docker("ps", "-aq").stdout == ""
    machine.pycompose("create", cwd=tmp_path)
    assert f"address {address}" in machine.pycompose("start", cwd=tmp_path, succeeds=False).stderr
    assert machine.docker("ps", "-q").stdout == "", "nothing is started"
    machine.pycompose("start", "a", cwd=tmp_path)
    assert "is that of container alike-a-1" in machine.pycompose("start", "b", cwd=tmp_path, succeeds=False).stderr
    machine.pycompose("stop", "-t", "0", "a", cwd=tmp_path)
    machine.pycompose("start", "b", cwd=tmp_path)
    machine.pycompose("down", "-t", "0", cwd=tmp_path)
