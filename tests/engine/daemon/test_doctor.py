"""What is told of a machine that lacks something, and of what is left over."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from engine.daemon.doctor import machine
from engine.daemon.doctor.checkpoints import checkpoints, told
from engine.daemon.doctor.finding import Finding, Verdict, as_json, as_text, exit_status
from engine.daemon.doctor.leaks import leaks
from engine.daemon.doctor.registries import registries
from engine.registry.settings import RegistrySettings
from engine.state.paths import Paths
from engine.state.store import Store

pytestmark = pytest.mark.anyio

GOOD = Finding("kernel", Verdict.GOOD, "6.1", "get a newer one")
WARN = Finding("crun", Verdict.WARN, "old", "apt-get install crun")
FAIL = Finding("overlayfs", Verdict.FAIL, "missing", "modprobe overlay")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "state", tmp_path / "run")
    made.make()
    Store.open(made.database).close()
    return made


def left_over(findings: list[Finding]) -> dict[str, str]:
    return {found.subject: found.detail for found in findings if found.verdict is Verdict.WARN}


def test_only_what_stops_the_engine_is_a_failure() -> None:
    assert exit_status([GOOD, WARN]) == 0
    assert exit_status([GOOD, WARN, FAIL]) == 1


def test_people_read_lines_and_hints_where_there_is_something_to_mend() -> None:
    assert as_text([GOOD, WARN]).splitlines() == [
        "ok    kernel  6.1",
        "warn  crun    old",
        "              -> apt-get install crun",
    ]


def test_programs_read_the_findings_as_a_json_list() -> None:
    assert json.loads(as_json([GOOD, FAIL])) == [
        {"subject": "kernel", "verdict": "ok", "detail": "6.1"},
        {"subject": "overlayfs", "verdict": "failure", "detail": "missing", "hint": "modprobe overlay"},
    ]


async def test_a_fresh_engine_has_nothing_left_over(paths: Paths) -> None:
    assert left_over(await leaks(paths, has_table=False)) == {}


async def test_directories_and_tables_without_records_are_found(paths: Paths) -> None:
    known, lost = "a" * 64, "b" * 64
    with sqlite3.connect(paths.database) as database:
        body = json.dumps({"id": known, "status": "removing"})
        database.execute("INSERT INTO records VALUES ('container', ?, ?)", (known, body))
    database.close()
    for name in (known, lost):
        (paths.containers / name).mkdir()
    assert left_over(await leaks(paths, has_table=True)) == {
        "left-over container directories": f"1: {lost}",
        "left-over containers": f"1: {known[:12]}",
        "left-over nft tables": f"1: pycompose_{paths.tag}",
    }


async def test_nobody_is_told_that_a_start_removes_what_it_keeps(paths: Paths) -> None:
    (paths.containers / ("b" * 64)).mkdir()
    (found,) = [item for item in await leaks(paths, has_table=False) if item.verdict is Verdict.WARN]
    assert "by hand" in found.hint


async def test_a_machine_where_no_engine_was_is_fine(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "state", tmp_path / "run")
    findings = await leaks(paths, has_table=False)
    assert findings[0].detail.startswith("none: no engine has worked in")
    assert exit_status(findings) == 0


async def test_a_registry_that_cannot_be_reached_is_a_warning() -> None:
    settings = RegistrySettings(mirrors={"docker.io": ("http://127.0.0.1:1",)})
    (found,) = await registries(settings)
    assert (found.verdict, "127.0.0.1:1 cannot be reached" in found.detail) == (Verdict.WARN, True)


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    findings = [*machine.kernel(), *machine.control_groups(), *machine.room(tmp_path), *machine.resources()]
    assert {found.subject for found in findings} >= {"kernel", "seccomp", "disk", "open files"}


@pytest.mark.root
def test_overlayfs_is_tried_and_nothing_stays(tmp_path: Path) -> None:
    (found,) = machine.overlay(tmp_path / "not" / "there" / "yet")
    assert found.verdict is Verdict.GOOD
    assert not list(tmp_path.iterdir())


async def test_the_runtime_that_is_looked_at_is_the_default_one(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\necho mine version 1.2.3\n")
    mine.chmod(0o755)
    assert await machine.runtime({"own": mine}, "own") == Finding("mine", Verdict.GOOD, "1.2.3")
    mine.unlink()
    found = await machine.runtime({"own": mine}, "own")
    assert (found.verdict, found.detail) == (Verdict.FAIL, f"{mine} cannot be started: No such file or directory")
    found = await machine.runtime({}, "own")
    assert (found.verdict, found.detail) == (Verdict.FAIL, "specified default runtime 'own' does not exist")


def test_runtimes_that_can_make_checkpoints_are_named() -> None:
    found = told({"runc": "", "crun": "it was built without CRIU", "mine": ""})
    assert (found.verdict, found.detail) == (
        Verdict.GOOD,
        "docker checkpoint works, with the runtime runc or mine",
    )


def test_without_a_runtime_that_can_make_checkpoints_it_is_told_how_to_get_one() -> None:
    found = told({"crun": "it was built without CRIU"})
    assert found.detail == (
        "docker checkpoint is refused: crun: it was built without CRIU (apt-get install runc, and use `--runtime runc`)"
    )


async def test_that_there_are_no_checkpoints_is_nothing_to_mend() -> None:
    found = await checkpoints({})
    assert (found.verdict, found.detail.startswith("docker checkpoint ")) == (Verdict.GOOD, True)
