"""Containers that join, leave and restart all the time, while others look for them: no wrong answer, and nothing left.

An ordinary run lasts a few seconds; `PYCOMPOSE_STRESS_SECONDS=60` in the environment says how long.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import docker
import pytest

from engine.kernel.namespaces import inside_network
from engine.network.names import dns
from tests.e2e.kernel import without_engine
from tests.e2e.machine import Machine
from tests.engine.network.hosts import addresses

pytestmark = [pytest.mark.root, pytest.mark.net]

_SECONDS: Final = float(os.environ.get("PYCOMPOSE_STRESS_SECONDS", "6"))
_CONTAINERS: Final = 30
_NETWORKS: Final = 4
_SEEKERS: Final = 20
_MOVERS: Final = 4
_PORT: Final = 8000
_PATIENCE_SECONDS: Final = 60  # with what has to answer


@dataclass
class Town:
    """Networks, containers that move among them, and one that stays in each and looks for the others."""

    machine: Machine
    networks: list[Any]
    movers: list[Any]
    settled: list[Any]
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    found: int = 0
    moves: int = 0

    def subnet(self, number: int) -> str:
        subnet: str = self.networks[number].attrs["IPAM"]["Config"][0]["Subnet"]
        return subnet

    def lock(self, name: str) -> threading.Lock:
        return self.locks.setdefault(name, threading.Lock())


@contextmanager
def town_of(machine: Machine) -> Iterator[Town]:
    with contextlib.closing(docker.DockerClient(base_url=machine.address, timeout=60)) as client:
        client.images.pull("busybox:latest")
        networks = [client.networks.create(f"n{number}") for number in range(_NETWORKS)]
        for network in networks:
            network.reload()

        def start(name: str, number: int, **options: Any) -> Any:
            program = ["nc", "-ll", "-p", str(_PORT), "-e", "hostname"]
            return client.containers.run(
                "busybox", program, name=name, hostname=name, network=f"n{number}", detach=True, init=True, **options
            )

        with ThreadPoolExecutor(4) as pool:
            ports = {f"{_PORT}/tcp": ("127.0.0.1", None)}
            movers = list(pool.map(lambda i: start(f"c{i}", i % _NETWORKS, ports=ports), range(_CONTAINERS)))
            settled = list(pool.map(lambda i: start(f"settled{i}", i), range(_NETWORKS)))
        yield Town(machine, networks, movers, settled)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: each.remove(force=True, v=True), [*movers, *settled]))
        for network in networks:
            network.remove()


def resolve(name: str, within_seconds: float = 2) -> tuple[int, list[str]] | None:
    """The code and addresses that the name server of this thread's namespace answers with; None: no answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(within_seconds)
        identity = random.getrandbits(16)
        try:
            asker.sendto(dns.query(name, dns.TYPE_A, identity), ("127.0.0.11", 53))
            answer = asker.recv(4096)
        except OSError:  # no engine at the moment
            return None
    assert answer[:2] == identity.to_bytes(2, "big")
    return dns.response_code(answer), addresses(answer, name, 4)


def greeting(address: str, within_seconds: float = 1) -> str:
    """What a container calls itself; "" if nobody answers there (any more)."""
    try:
        with socket.create_connection((address, _PORT), timeout=within_seconds) as connection:
            return connection.recv(100).decode().strip()
    except OSError:
        return ""


def awaited_greeting(address: str) -> str:
    """What a container calls itself, as soon as its program listens: it may have been restarted a moment ago."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with socket.create_connection((address, _PORT), timeout=_PATIENCE_SECONDS) as connection:
                return connection.recv(100).decode().strip()
        except ConnectionRefusedError:
            assert time.monotonic() < give_up
            time.sleep(0.01)


def seek(town: Town, number: int, seed: int) -> None:
    """Look for containers from inside a network, until it is over."""
    chance = random.Random(seed)
    subnet = ip_network(town.subnet(number))
    while not town.over.is_set():
        name = f"c{chance.randrange(_CONTAINERS)}"
        answer = resolve(name)
        if answer is None or not answer[1]:
            continue
        (address,) = answer[1]
        if ip_address(address) not in subnet:
            town.wrong.append(f"{name} has the foreign address {address} on n{number}")
        met = greeting(address)
        # Who moved between the question and the call is not where it was: that is no wrong answer.
        if met and met != name and resolve(name) == answer and greeting(address) == met:
            town.wrong.append(f"{name} led to {met} at {address} on n{number}")
        town.found += met == name


def move(town: Town, seed: int, *, is_killed: bool) -> None:
    """Restart, connect and disconnect containers until it is over."""
    chance = random.Random(seed)
    while not town.over.is_set():
        mover = chance.choice(town.movers)
        with town.lock(mover.name):
            try:
                step(town.machine.paths.socket, mover.id, chance)
                town.moves += 1
            except (OSError, http.client.HTTPException) as exc:
                # A call that an engine did not survive may have been carried out, or not.
                if not is_killed:
                    town.wrong.append(f"{mover.name}: {exc}")


def step(engine: Path, container_id: str, chance: random.Random) -> None:
    on = request(engine, "GET", f"/containers/{container_id}/json")["NetworkSettings"]["Networks"]
    place, verb = chance.choice([("", "restart"), *((f"n{number}", "") for number in range(_NETWORKS))])
    if verb:
        request(engine, "POST", f"/containers/{container_id}/restart?t=0")
    else:
        verb = "disconnect" if place in on else "connect"
        request(engine, "POST", f"/networks/{place}/{verb}", {"Container": container_id})


def request(engine: Path, method: str, path: str, body: object = None) -> Any:
    """Ask the engine for something. Not by docker-py, which leaves sockets open if the engine is not there."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(60)
        stream.connect(str(engine))
        connection = http.client.HTTPConnection("localhost")
        connection.sock = stream
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json", "Connection": "close"})
        with connection.getresponse() as response:
            text = response.read()
        if response.status >= 300:
            raise http.client.HTTPException(f"{method} {path}: {response.status} {text.decode()}")
    return json.loads(text) if text else None


@contextmanager
def in_motion(town: Town, *, is_killed: bool) -> Iterator[None]:
    """All move and look for one another meanwhile."""
    with ThreadPoolExecutor(_SEEKERS + _MOVERS) as pool:
        tasks = []
        for seed in range(_SEEKERS):
            number = seed % _NETWORKS
            namespace = town.machine.paths.namespaces / town.settled[number].id
            tasks.append(pool.submit(inside_network, namespace, partial(seek, town, number, seed)))
        tasks += [pool.submit(move, town, seed, is_killed=is_killed) for seed in range(_MOVERS)]
        try:
            yield
        finally:
            town.over.set()
        for task in tasks:
            task.result()


def agree(town: Town) -> None:
    """Hold what is told of every container against what is answered and reached."""
    for mover in town.movers:
        mover.start()  # an engine may have died in the middle of its restart
        mover.reload()
        on = mover.attrs["NetworkSettings"]["Networks"]
        for number in range(_NETWORKS):
            expected = [on[f"n{number}"]["IPAddress"]] if f"n{number}" in on else []
            namespace = town.machine.paths.namespaces / town.settled[number].id
            answer = inside_network(namespace, partial(resolve, mover.name, _PATIENCE_SECONDS))
            assert answer is not None
            assert answer[1] == expected, f"{mover.name} on n{number}"
            for address in expected:
                met = inside_network(namespace, partial(awaited_greeting, address))
                assert met == mover.name
        bindings = mover.attrs["NetworkSettings"]["Ports"].get(f"{_PORT}/tcp")
        assert bool(bindings) == bool(on)
        for binding in bindings or ():
            with socket.create_connection(
                ("127.0.0.1", int(binding["HostPort"])), timeout=_PATIENCE_SECONDS
            ) as connection:
                assert connection.recv(100).decode().strip() == mover.name


def test_names_and_ports_lead_to_the_right_containers_while_these_move(fresh_machine: Machine) -> None:
    fresh_machine.start_engine()
    before = fresh_machine.kernel()
    with town_of(fresh_machine) as town:
        with in_motion(town, is_killed=False):
            town.over.wait(_SECONDS)
        assert town.wrong == []
        agree(town)
    assert fresh_machine.kernel() == before
    print(f"{town.moves} moves, {town.found} found")  # noqa: T201
    assert town.found > 0


def test_an_engine_that_is_killed_while_containers_move_is_followed_by_one_that_knows_where_they_are(
    fresh_machine: Machine,
) -> None:
    fresh_machine.start_engine()
    before = fresh_machine.kernel()
    with town_of(fresh_machine) as town:
        with in_motion(town, is_killed=True):
            until = time.monotonic() + _SECONDS
            while time.monotonic() < until:
                town.over.wait(_SECONDS / 4)
                fresh_machine.end_engine(signal.SIGKILL)
                fresh_machine.start_engine()
        assert town.wrong == []
        agree(town)
    assert without_engine(fresh_machine.kernel()) == without_engine(before)
    print(f"{town.moves} moves, {town.found} found")  # noqa: T201
    assert town.found > 0
