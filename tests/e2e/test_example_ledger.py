"""examples/ledger: a CI job, from the exit code of its tests to what a second file changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.example import EXAMPLES, Example, example
from tests.e2e.machine import Machine
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]

JOB = ("up", "--build", "--exit-code-from", "tests")


@pytest.fixture
def ledger(machine: Machine, tmp_path: Path) -> Iterator[Example]:
    """A copy, so that a test may break it."""
    shutil.copytree(EXAMPLES / "ledger", tmp_path / "ledger")
    with example(machine, tmp_path / "ledger", LEDGER_PORT=str(free_port())) as run:
        yield run


def change(ledger: Example, before: str, after: str) -> None:
    migration = ledger.directory / "migrations" / "002-pay.sql"
    text = migration.read_text()
    assert before in text
    migration.write_text(text.replace(before, after))


def test_the_exit_code_of_the_job_is_that_of_the_tests(ledger: Example) -> None:
    passed = ledger(*JOB)
    for number, name in enumerate(("money-arrives", "no-money-is-made", "nobody-pays-what-he-does-not-have"), 1):
        assert f"ok {number} - {name}" in passed.stdout
    assert "not ok" not in passed.stdout

    change(ledger, "amount >", "amount <")
    failed = ledger(*JOB, succeeds=False)
    assert failed.returncode == 1
    assert "not ok 3 - nobody-pays-what-he-does-not-have" in failed.stdout


def test_a_migration_that_fails_ends_the_job_and_is_told_of(ledger: Example) -> None:
    change(ledger, "STRICT", "STRICTLY")
    failed = ledger(*JOB, succeeds=False)
    assert failed.returncode != 0
    assert "002-pay.sql:" in failed.stdout + failed.stderr
    assert "migrate" in failed.stderr
    assert "ok 1" not in failed.stdout


def test_steps_can_be_taken_one_by_one(ledger: Example) -> None:
    ledger("build")
    ledger("up", "-d", "--wait", "database")
    assert ledger.to_do("database") == set()
    assert ledger("run", "--rm", "migrate").stdout == "apply 001-accounts\napply 002-pay\n"
    assert ledger("run", "--rm", "migrate").stdout == ""
    one = ledger("run", "--rm", "--no-deps", "tests", "run-tests", "no-money-is-made")
    assert one.stdout == "1..1\nok 1 - no-money-is-made\n"


def test_a_second_file_keeps_the_database_and_publishes_it(ledger: Example) -> None:
    query = ("exec", "-T", "database", "psql", "-U", "postgres", "-tA", "ledger", "-c")
    kept = "compose.yaml:compose.keep.yaml"
    ledger("up", "-d", "--wait", "database", COMPOSE_FILE=kept)
    ledger("run", "--rm", "migrate", COMPOSE_FILE=kept)
    ledger(*query, "INSERT INTO accounts VALUES ('ann')", COMPOSE_FILE=kept)
    ledger("up", "-d", "--wait", "--force-recreate", "database", COMPOSE_FILE=kept)
    assert ledger(*query, "SELECT name FROM accounts", COMPOSE_FILE=kept).stdout == "ann\n"
    published = ledger("port", "database", "5432", COMPOSE_FILE=kept).stdout.strip()
    assert published == f"127.0.0.1:{ledger.variables['LEDGER_PORT']}"
    ledger("down", "--volumes", COMPOSE_FILE=kept)
