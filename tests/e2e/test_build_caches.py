"""Caches of builds that outlive their engine: in a registry, in a directory, in an image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.building import build, image_id, put
from tests.e2e.machine import Machine
from tests.fakes.docker_registry import DockerRegistry, serve_docker_registry

pytestmark = [pytest.mark.root, pytest.mark.net]

DOCKERFILE = """
    FROM alpine AS builder
    ARG X=1
    RUN echo built-$X > /out
    WORKDIR /work
    FROM busybox
    LABEL a=b
    RUN echo one > /one
    COPY --from=builder /out /out
    WORKDIR /app
    COPY file .
"""
# The config of a FROM is looked up, never cached.
STEPS = 8


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    with serve_docker_registry(tmp_path / "registry") as running:
        yield running


def project(place: Path, **wish: list[str]) -> Path:
    service = {"image": "e2e-cached", "build": {"context": ".", **wish}}
    put(place, Dockerfile=DOCKERFILE, file="text\n", **{"compose.yaml": json.dumps({"services": {"web": service}})})
    return place


def cached(output: str) -> int:
    return output.count(" ---> Using cache")


def layer_count(machine: Machine) -> int:
    return len([path for path in (machine.paths.root / "layers").iterdir() if len(path.name) == 64])


def test_a_registry_keeps_the_steps_of_all_stages_for_the_next_engine(
    machine: Machine, fresh_machine: Machine, registry: DockerRegistry, tmp_path: Path
) -> None:
    reference = f"type=registry,ref={registry.host}/team/cache"
    place = project(tmp_path / "p", cache_from=[reference], cache_to=[f"{reference},mode=max"])
    first = machine.pycompose("build", cwd=place).stderr
    assert "[Warning] no cache from" in first  # there is none yet
    second = fresh_machine.pycompose("build", cwd=place).stderr
    assert cached(second) == STEPS
    assert "Running in" not in second
    assert image_id(fresh_machine, "e2e-cached") == image_id(machine, "e2e-cached")
    # Neither the builder's layers nor its base were needed.
    assert fresh_machine.docker("images", "-q", "alpine").stdout == ""
    assert layer_count(fresh_machine) == 5
    # What a step needs is fetched when it runs: another file, on the layers of the cache.
    put(place, file="changed\n")
    assert cached(fresh_machine.pycompose("build", cwd=place).stderr) == STEPS - 1
    put(place, Dockerfile=DOCKERFILE.replace("WORKDIR /work", "RUN echo more >> /out"))
    third = fresh_machine.pycompose("build", cwd=place).stderr
    assert third.count("Running in") == 1
    assert fresh_machine.docker("run", "--rm", "e2e-cached", "cat", "/out", "/app/file").stdout == (
        "built-1\nmore\nchanged\n"
    )


def test_a_directory_is_a_cache(machine: Machine, fresh_machine: Machine, tmp_path: Path) -> None:
    place = project(tmp_path / "p", cache_from=["type=local,src=cache"], cache_to=["type=local,dest=cache,mode=max"])
    (place / "cache").mkdir()
    machine.pycompose("build", "--no-cache", cwd=place)
    assert {path.name for path in (place / "cache").iterdir()} == {"blobs", "index.json", "oci-layout"}
    assert cached(fresh_machine.pycompose("build", cwd=place).stderr) == STEPS
    assert image_id(fresh_machine, "e2e-cached") == image_id(machine, "e2e-cached")


def test_a_cache_that_cannot_be_had_is_no_reason_not_to_build(machine: Machine, tmp_path: Path) -> None:
    place = project(tmp_path / "p", cache_from=["type=local,src=cache", "type=gha", "127.0.0.1:1/no/such"])
    put(place / "cache", **{"index.json": "{nonsense"})
    output = machine.pycompose("build", cwd=place).stderr
    for warning in (
        "index.json cannot be read",
        "caches of type gha are not supported",
        "127.0.0.1:1 cannot be reached",
    ):
        assert warning in output


def test_a_layer_that_was_deleted_from_a_directory_is_made_again(
    machine: Machine, fresh_machine: Machine, tmp_path: Path
) -> None:
    place = project(tmp_path / "p", cache_from=["type=local,src=cache"], cache_to=["type=local,dest=cache,mode=max"])
    machine.pycompose("build", "--no-cache", cwd=place)
    for blob in (place / "cache" / "blobs" / "sha256").iterdir():
        if blob.read_bytes()[:2] == b"\x1f\x8b":
            blob.unlink()
    assert fresh_machine.pycompose("build", cwd=place).stderr.count("Running in") == 2


def test_a_damaged_layer_is_told_by_its_digest(machine: Machine, fresh_machine: Machine, tmp_path: Path) -> None:
    place = project(tmp_path / "p", cache_from=["type=local,src=cache"], cache_to=["type=local,dest=cache,mode=max"])
    machine.pycompose("build", "--no-cache", cwd=place)
    for blob in (place / "cache" / "blobs" / "sha256").iterdir():
        content = blob.read_bytes()
        if content[:2] == b"\x1f\x8b":
            blob.write_bytes(content[:-1] + b"?")
    done = fresh_machine.pycompose("build", cwd=place, succeeds=False)
    assert "is corrupt" in done.stderr


def test_a_cache_that_cannot_be_written_fails_the_build_unless_told_otherwise(machine: Machine, tmp_path: Path) -> None:
    target = "type=registry,ref=127.0.0.1:1/no/such"
    place = project(tmp_path / "p", cache_to=[target])
    done = machine.pycompose("build", cwd=place, succeeds=False)
    assert "the cache cannot be written to 127.0.0.1:1/no/such: registry 127.0.0.1:1 cannot be reached" in done.stderr
    place = project(tmp_path / "p", cache_to=[f"{target},ignore-error=true"])
    assert "[Warning] the cache cannot be written" in machine.pycompose("build", cwd=place).stderr


def test_a_pushed_image_is_a_cache_to_docker_build(
    machine: Machine, fresh_machine: Machine, registry: DockerRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/team/app"
    put(tmp_path, Dockerfile="FROM busybox\nENV A=1\nRUN echo inline > /x\n")
    fresh_machine.start_engine()
    build(machine, tmp_path, "-t", name)
    machine.docker("push", name)
    done = build(fresh_machine, tmp_path, "--cache-from", name, "-t", name)
    assert cached(done.stdout) == 2
    assert image_id(fresh_machine, name) == image_id(machine, name)
