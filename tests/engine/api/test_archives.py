"""The real `docker` command line on containers' files and images' archives, in front of fake services."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.images.archives.taking_in import ImportOptions
from engine.wire.containers import ContainerConfig, ContainerCreateRequest
from tests.engine.api.test_docker_cli import docker, docker_program
from tests.fakes.serving import Served, served

__all__ = ["docker_program"]

pytestmark = pytest.mark.anyio


async def box(server: Served) -> str:
    request = ContainerCreateRequest(image="busybox", cmd=["sh"])
    return (await server.engine.containers.create("box", request)).id


async def test_diff_prints_the_kinds_of_changes(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        await box(server)
        done = await docker(server, "diff", "box")
    assert done.out.splitlines() == ["C /etc", "A /etc/new", "D /old"]


async def test_commit_hands_over_what_was_said(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        container = await box(server)
        words = ["--author", "me", "--message", "why", "--pause=false", "--change", "USER a", "--change", "ENV X=y"]
        done = await docker(server, "commit", *words, "box", "team/app:2")
        ((committed, options),) = server.engine.containers.commits
    assert done.out.strip() == "sha256:" + "e" * 64
    assert committed == container
    assert (options.tag, options.author, options.comment, options.pauses) == (
        "docker.io/team/app:2",
        "me",
        "why",
        False,
    )
    assert options.config is None
    changed = options.reconfigure(ContainerConfig(env=["A=1"]))
    assert (changed.user, changed.env) == ("a", ["A=1", "X=y"])


async def test_export_and_save_write_what_comes(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        await box(server)
        exported = await docker(server, "export", "--output", str(tmp_path / "box.tar"), "box")
        saved = await docker(server, "save", "--output", str(tmp_path / "saved.tar"), "busybox")
        missing = await docker(server, "save", "--output", str(tmp_path / "missing.tar"), "nope")
        output = ["--output", str(tmp_path / "foreign.tar")]
        foreign = await docker(server, "save", "--platform", "linux/arm64", *output, "busybox")
    assert (exported.code, saved.code) == (0, 0)
    assert (tmp_path / "box.tar").read_bytes() == b"an archive"
    assert (tmp_path / "saved.tar").read_bytes() == b"sha256:" + b"a" * 64
    assert "No such image: nope" in missing.err
    assert "busybox is for amd64" in foreign.err


async def test_load_prints_the_images(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        done = await docker(server, "load", stdin=b"data")
        assert server.engine.images.loaded == [b"data"]
    assert done.out == "Loaded image: busybox:latest\n"


async def test_import_hands_over_what_was_said(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        words = ["--message", "flat", "--platform", "linux/arm64", "--change", "CMD run"]
        done = await docker(server, "import", *words, "-", "team/app:2", stdin=b"data")
        wrong = await docker(server, "import", "--change", "RUN x", "-", stdin=b"data")
        elsewhere = await docker(server, "import", "ftp://example.org/x")
        nowhere = await docker(server, "import", "http://127.0.0.1:1/x")
        taken_in = server.engine.images.taken_in
    assert done.out.strip() == "sha256:" + "d" * 64
    config = ContainerConfig(cmd=["/bin/sh", "-c", "run"])
    assert taken_in == [(b"data", ImportOptions("team/app:2", "flat", "linux/arm64", config))]
    assert "RUN is not a valid change command" in wrong.err
    assert elsewhere.code != 0
    assert "Error response from daemon: http://127.0.0.1:1/x cannot be fetched" in nowhere.err


async def test_sizes_are_told_when_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        await box(server)
        sized = await docker(server, "ps", "--all", "--size", "--format", "{{.Size}}")
        inspected = await docker(server, "inspect", "--size", "--format", "{{.SizeRw}} {{.SizeRootFs}}", "box")
    assert sized.out.strip() == "7B (virtual 70B)"
    assert inspected.out.strip() == "7 70"
