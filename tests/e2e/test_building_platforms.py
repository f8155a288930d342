"""Builds for and from other machines than this one: nothing of them is run, but what they are is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.building import build, put
from tests.e2e.machine import Machine
from tests.fakes.registry import tar_of

pytestmark = [pytest.mark.root, pytest.mark.net]


def platform_of(machine: Machine, name: str) -> str:
    return machine.docker("image", "inspect", "-f", "{{.Os}}/{{.Architecture}}/{{.Variant}}", name).stdout.strip()


def test_an_image_is_for_the_machine_of_its_base(machine: Machine, tmp_path: Path) -> None:
    archive = tmp_path / "files.tar"
    archive.write_bytes(tar_of({"program": b"none"}))
    machine.docker("import", "--platform", "linux/arm/v7", str(archive), "other:1")
    context = put(tmp_path / "context", Dockerfile="FROM --platform=linux/arm/v7 other:1\nCOPY Dockerfile /\n")
    build(machine, context, "-t", "named")
    assert platform_of(machine, "named") == "linux/arm/v7"
    context = put(tmp_path / "context", Dockerfile="FROM other:1 AS a\nFROM a\nCOPY Dockerfile /\n")
    build(machine, context, "-t", "compatible", "--platform", "linux/arm64")
    assert platform_of(machine, "compatible") == "linux/arm/v7"


def test_an_image_of_nothing_is_for_the_machine_asked_for(machine: Machine, tmp_path: Path) -> None:
    context = put(tmp_path, Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    build(machine, context, "-t", "nothing", "--platform", "linux/arm/v6")
    assert platform_of(machine, "nothing") == "linux/arm/v6"
    context = put(tmp_path, Dockerfile="FROM --platform=linux/riscv64 scratch\nCOPY Dockerfile /\n")
    build(machine, context, "-t", "nothing")
    assert platform_of(machine, "nothing") == "linux/riscv64/"
