"""The example that the README starts with, on the real engine."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.machine import SHOP, Completed, Machine, json_lines
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]

Shop = Callable[..., Completed]
SERVICES = {"proxy", "web", "database", "cache"}


@pytest.fixture(scope="module")
def port() -> str:
    return str(free_port())


@pytest.fixture(scope="module")
def shop(machine: Machine, port: str) -> Iterator[Shop]:
    """`pycompose` in the shop's directory, with the shop up."""

    def run(*arguments: str, succeeds: bool = True) -> Completed:
        return machine.pycompose(*arguments, cwd=SHOP, succeeds=succeeds, SHOP_PORT=port)

    run("up", "-d", "--wait")
    yield run
    run("down", "-v")


def fetch(port: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
        text: str = page.read().decode()
    return text


def test_a_page_comes_through_the_published_port_with_rows_of_the_database_and_a_count_of_the_cache(
    shop: Shop, port: str
) -> None:
    page = fetch(port)
    assert "<h1>The Corner Shop</h1>" in page
    assert "<li>Bread, sourdough: 4.20</li>" in page
    visits = int(shop("exec", "-T", "cache", "redis-cli", "get", "visits").stdout)
    assert f"visitor number {visits}." in page


def test_ps_lists_the_running_services_with_state_health_and_ports(shop: Shop, port: str) -> None:
    listed = {entry["Service"]: entry for entry in json_lines(shop("ps", "--format", "json").stdout)}
    assert set(listed) == SERVICES
    assert {entry["State"] for entry in listed.values()} == {"running"}
    assert {name for name, entry in listed.items() if entry["Health"] == "healthy"} == SERVICES - {"proxy"}
    assert {published["PublishedPort"] for published in listed["proxy"]["Publishers"]} == {int(port)}
    assert listed["web"]["Name"] == "shop-web-1"
    assert listed["web"]["Project"] == "shop"


def test_logs_name_the_container_on_each_line_and_tail_cuts_per_container(shop: Shop, port: str) -> None:
    fetch(port)
    lines = shop("logs", "--tail", "1", "web", "cache").stdout.splitlines()
    assert sorted(line.split()[0] for line in lines) == ["cache-1", "web-1"]


def test_exec_gives_back_the_exit_code_of_the_command(shop: Shop) -> None:
    assert shop("exec", "-T", "web", "sh", "-c", "exit 7", succeeds=False).returncode == 7


def test_the_front_network_cannot_see_the_database(shop: Shop) -> None:
    assert shop("exec", "-T", "web", "getent", "hosts", "database").stdout
    assert shop("exec", "-T", "proxy", "getent", "hosts", "database", succeeds=False).returncode != 0


def test_the_password_is_readable_in_the_container_and_told_nowhere_else(shop: Shop) -> None:
    password = (SHOP / "secrets" / "database_password.txt").read_text().strip()
    assert shop("exec", "-T", "web", "cat", "/run/secrets/database_password").stdout.strip() == password
    assert password not in shop("config").stdout
    assert password not in shop("logs").stdout


def test_a_second_up_leaves_every_container_as_it_is(shop: Shop) -> None:
    before = {entry["ID"] for entry in json_lines(shop("ps", "--format", "json").stdout)}
    shop("up", "-d", "--wait")
    assert {entry["ID"] for entry in json_lines(shop("ps", "--format", "json").stdout)} == before


def test_config_prints_the_resolved_model_with_interpolated_values(shop: Shop, port: str) -> None:
    model = json.loads(shop("config", "--format", "json").stdout)
    assert model["name"] == "shop"
    assert model["services"]["proxy"]["ports"][0]["published"] == port
    assert model["services"]["database"]["image"] == "postgres:16"
    assert "tools" not in model["services"]


def test_a_profile_adds_its_services(shop: Shop) -> None:
    assert "tools" in json.loads(shop("--profile", "tools", "config", "--format", "json").stdout)["services"]


def test_version_names_the_program_and_works_without_a_project(machine: Machine) -> None:
    assert "version" in machine.pycompose("version", cwd=machine.paths.run).stdout.lower()
