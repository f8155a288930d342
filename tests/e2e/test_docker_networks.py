"""The real docker command line's networks and volumes, with the options that few use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.fakes.addresses import own_subnet
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]

SUBNET = own_subnet()


def inspected(machine: Machine, kind: str, name: str) -> dict[str, Any]:
    (found,) = json.loads(machine.docker(kind, "inspect", name).stdout)
    assert isinstance(found, dict)
    return found


def test_a_container_is_on_several_networks_with_one_way_out(machine: Machine) -> None:
    machine.docker("network", "create", "--ipv4=false", "--ipv6", "six")
    mtu = ("--opt", "com.docker.network.driver.mtu=1280")
    machine.docker("network", "create", "--config-only", "--subnet", str(SUBNET), *mtu, "kept")
    machine.docker("network", "create", "--config-from", "kept", "four")
    place = f"name=four,gw-priority=5,alias=other,ip={SUBNET[33]},driver-opt=com.docker.network.endpoint.ifname=lan0"
    machine.docker("run", "-d", "--name", "both", "--network", "six", "--network", place, "busybox", "sleep", "1000")
    try:
        routes = machine.docker("exec", "both", "sh", "-c", "ip route; ip -6 route").stdout
        assert f"default via {SUBNET[1]} dev lan0" in routes
        assert "default via fd" in routes
        assert machine.docker("exec", "both", "cat", "/sys/class/net/lan0/mtu").stdout == "1280\n"
        shown = inspected(machine, "network", "four")
        assert (shown["ConfigFrom"], shown["IPAM"]["Config"]) == ({"Network": "kept"}, [{"Subnet": str(SUBNET)}])
        assert [item["IPv4Address"] for item in shown["Containers"].values()] == [f"{SUBNET[33]}/24"]
        machine.docker("network", "disconnect", "four", "both")
        machine.docker("network", "connect", "--gw-priority", "7", "--ip", str(SUBNET[44]), "four", "both")
        settings = inspected(machine, "container", "both")["NetworkSettings"]["Networks"]["four"]
        assert (settings["GwPriority"], settings["IPAddress"]) == (7, str(SUBNET[44]))
        refused = machine.docker("network", "rm", "four", succeeds=False).stderr
        assert 'network four has active endpoints (name:"both"' in refused
    finally:
        machine.docker("rm", "--force", "both")
        machine.docker("network", "rm", "four", "kept", "six")


def test_two_containers_want_one_port_and_the_second_is_told_whose_it_is(machine: Machine) -> None:
    port = free_port()
    start = ("run", "-d", "--publish", f"{port}:80", "--name")
    machine.docker(*start, "first", "busybox", "sleep", "1000")
    try:
        refused = machine.docker(*start, "second", "busybox", "sleep", "1000", succeeds=False)
        assert f"Bind for 0.0.0.0:{port} failed: port is already allocated by container first" in refused.stderr
        machine.docker("stop", "--time", "0", "first")
        machine.docker("start", "second")
        assert machine.docker("port", "second").stdout.splitlines()[0] == f"80/tcp -> 0.0.0.0:{port}"
    finally:
        machine.docker("rm", "--force", "first", "second")


def test_networks_that_are_young_are_not_pruned(machine: Machine) -> None:
    machine.docker("network", "create", "young")
    assert machine.docker("network", "prune", "--force", "--filter", "until=1h").stdout == ""
    assert "young" in machine.docker("network", "prune", "--force").stdout


def test_a_network_that_only_stopped_containers_want_is_unused(machine: Machine) -> None:
    machine.docker("network", "create", "wanted")
    machine.docker("create", "--name", "stopped", "--network", "wanted", "busybox", "true")
    try:
        unused = machine.docker("network", "ls", "--filter", "dangling=true", "--format", "{{.Name}}").stdout
        assert "wanted" in unused.split()
        assert "wanted" in machine.docker("network", "prune", "--force").stdout
        assert "network wanted not found" in machine.docker("start", "stopped", succeeds=False).stderr
    finally:
        machine.docker("rm", "--force", "stopped")


def test_parts_of_images_and_volumes_are_mounted(machine: Machine) -> None:
    machine.docker("run", "--rm", "-v", "parts:/d", "busybox", "sh", "-c", "mkdir /d/in; echo here > /d/in/file")
    image = "type=image,source=busybox,target=/image,image-subpath=etc"
    volume = "type=volume,source=parts,target=/part,volume-subpath=in,readonly"
    command = ("busybox", "sh", "-c", "ls /image; cat /part/file; touch /part/x || echo refused")
    seen = machine.docker("run", "--rm", "--mount", image, "--mount", volume, *command).stdout
    assert "passwd" in seen
    assert seen.endswith("here\nrefused\n")
    machine.docker("volume", "rm", "parts")
    refused = machine.docker("volume", "create", "--driver", "nosuch", "parts", succeeds=False).stderr
    assert 'create parts: error looking up volume plugin nosuch: plugin "nosuch" not found' in refused
