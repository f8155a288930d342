"""libnftables in a network namespace of the test's own, whose rules are nobody else's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from engine.errors import EngineError
from engine.kernel.namespaces import drop_network_namespace, inside_network, make_network_namespace
from engine.network import rules
from engine.network.firewall import Firewall
from engine.network.rules import Element

pytestmark = pytest.mark.root

DOCKER = """
table ip filter {
  chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
  chain DOCKER-USER { counter return; }
}
"""
PORT = Element("publish4", "tcp . 8080", "10.1.0.2 . 80")


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "netns"
    make_network_namespace(path)
    yield path
    drop_network_namespace(path)


def inside(namespace: Path, act: Callable[[Firewall], Awaitable[None]]) -> None:
    """Run with a firewall on an event loop inside; worker threads are born there and so stay there."""
    inside_network(namespace, partial(anyio.run, act, Firewall("ab12")))


def test_a_table_is_made_changed_and_removed(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        assert not await firewall.table_exists()
        await firewall.apply(rules.whole_table("ab12", []))
        assert await firewall.table_exists()
        await firewall.apply(rules.add("ab12", [PORT]))
        await firewall.apply(rules.remove("ab12", [PORT]))
        await firewall.apply(rules.drop_table("ab12"))
        assert not await firewall.table_exists()

    inside(namespace, check)


def test_among_commands_that_came_together_only_the_bad_one_fails(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        await firewall.apply(rules.whole_table("ab12", []))
        failed: list[str] = []

        async def change(commands: str) -> None:
            try:
                await firewall.apply(commands)
            except EngineError:
                failed.append(commands)

        wrong = rules.remove("ab12", [PORT])
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                element = Element("publish4", f"tcp . {9000 + number}", "10.1.0.2 . 80")
                tasks.start_soon(change, rules.add("ab12", [element]))
            tasks.start_soon(change, wrong)
        assert failed == [wrong]
        for number in range(8):
            await firewall.apply(rules.remove("ab12", [Element("publish4", f"tcp . {9000 + number}")]))

    inside(namespace, check)


def test_where_docker_filters_our_traffic_passes_and_the_rules_go_again(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        await firewall.apply(DOCKER)
        for _ in range(2):
            await firewall.pass_docker()
        handles = firewall._docker_rules("ip")
        assert handles is not None
        assert len(handles) == 2
        await firewall.unpass_docker()
        assert firewall._docker_rules("ip") == []

    inside(namespace, check)


def test_without_docker_there_is_nothing_to_pass(namespace: Path) -> None:
    async def check(firewall: Firewall) -> None:
        await firewall.pass_docker()
        assert firewall._docker_rules("ip") is None
        await firewall.unpass_docker()

    inside(namespace, check)
