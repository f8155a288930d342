"""examples/gateway: routes by labels, several networks, both families, little rights."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator

import pytest

from tests.e2e.example import Example, ask, example, seen
from tests.e2e.machine import Machine
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(scope="module")
def gateway(machine: Machine) -> Iterator[Example]:
    with example(machine, "gateway", GATEWAY_PORT=str(free_port())) as run:
        run("up", "-d", "--wait")
        yield run


def routes(gateway: Example) -> dict[str, int]:
    """How many containers are behind each path."""
    lines = ask(address(gateway)).splitlines()
    return {path: int(count) for path, count in (line.split() for line in lines)}


def address(gateway: Example, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{gateway.variables['GATEWAY_PORT']}/"


def test_services_are_found_by_their_labels_and_share_the_requests(gateway: Example) -> None:
    assert seen({"/cats/": 2, "/dogs/": 1}, lambda: routes(gateway)) == {"/cats/": 2, "/dogs/": 1}
    assert len({ask(address(gateway) + "cats/") for _ in range(20)}) == 2
    assert ask(address(gateway) + "dogs/any/thing").startswith("woof from ")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(address(gateway) + "birds/")


def test_the_front_network_has_both_families(gateway: Example) -> None:
    assert ask(address(gateway, "[::1]") + "cats/").startswith("miaow from ")


def test_routes_follow_what_comes_and_goes(gateway: Example) -> None:
    gateway("up", "-d", "--scale", "cats=3", "--wait")
    assert seen({"/cats/": 3, "/dogs/": 1}, lambda: routes(gateway)) == {"/cats/": 3, "/dogs/": 1}
    gateway("pause", "dogs")
    assert seen({"/cats/": 3}, lambda: routes(gateway)) == {"/cats/": 3}
    gateway("unpause", "dogs")
    gateway("up", "-d", "--wait")
    assert seen({"/cats/": 2, "/dogs/": 1}, lambda: routes(gateway)) == {"/cats/": 2, "/dogs/": 1}
    assert gateway.to_do() == set()


@pytest.mark.parametrize(
    ("service", "attempt", "words"),
    [
        ("cats", "import socket; socket.create_connection(('192.0.2.1', 53), 3)", "Network is unreachable"),
        ("cats", "open('/new', 'w')", "Read-only file system"),
        ("dogs", "bytearray(100 << 20)", ""),
        ("router", "import socket; socket.create_connection(('192.0.2.1', 53), 3)", "Network is unreachable"),
    ],
)
def test_a_service_can_do_no_more_than_it_has_to(gateway: Example, service: str, attempt: str, words: str) -> None:
    done = gateway("exec", "-T", service, "python", "-c", attempt, succeeds=False)
    assert done.returncode != 0
    assert words in done.stderr
