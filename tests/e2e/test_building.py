"""Images are built: by the real docker command line with its classic builder, by docker-py, and by pycompose."""

from __future__ import annotations

import io
import os
from functools import partial
from pathlib import Path

import docker
import pytest
from docker.errors import BuildError

from tests.e2e.building import build, image_id, put, run, said
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(autouse=True, scope="module")
def _base(machine: Machine) -> None:
    """The image that most builds stand on; pulling it would be a part of the first one's output."""
    machine.docker("pull", "busybox")


STAGES = """
    ARG BASE=busybox
    FROM $BASE AS build
    WORKDIR /src
    COPY . .
    RUN cat in > out && echo built >> out
    FROM busybox AS never
    RUN false
    FROM ${BASE}
    ARG VERSION=1
    ENV GREETING="hello $VERSION"
    LABEL about=test
    COPY --from=build /src/out /app/
    COPY --from=0 --chown=1000:1001 --chmod=640 /src/in /app/owned
    USER 1000
    WORKDIR /app
    CMD ["sh", "-c", "echo $GREETING; cat out; stat -c %u:%g:%a owned; pwd; id -u"]
"""


def test_stages_are_built_as_far_as_they_are_needed_and_the_image_runs(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile=STAGES, **{"in": "content\n"})
    iid = tmp_path.parent / "iid"
    done = build(machine, tmp_path, "-t", "e2e/stages:1", "--build-arg", "VERSION=2", f"--iidfile={iid}")
    assert "Step 1/13 : FROM $BASE AS build" in done.stdout
    assert "Successfully tagged e2e/stages:1" in done.stdout
    assert iid.read_text() == image_id(machine, "e2e/stages:1")
    assert run(machine, "e2e/stages:1").split("\n") == [
        "hello 2",
        "content",
        "built",
        "1000:1001:640",
        "/app",
        "1000",
        "",
    ]
    labels = machine.docker("image", "inspect", "--format", "{{json .Config.Labels}}", "e2e/stages:1").stdout
    assert labels.strip() == '{"about":"test"}'


def test_a_second_build_is_cached_by_content_and_makes_the_same_image(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile=STAGES, **{"in": "cached\n"})
    first = build(machine, tmp_path, "-q").stdout.strip()
    os.utime(tmp_path / "in", (1, 1))
    again = build(machine, tmp_path)
    assert again.stdout.count("---> Using cache") == 11
    assert "---> Running in" not in again.stdout
    assert build(machine, tmp_path, "-q").stdout.strip() == first
    (tmp_path / "in").write_text("changed\n")
    changed = build(machine, tmp_path)
    assert changed.stdout.count("---> Running in") == 1
    assert build(machine, tmp_path, "--no-cache").stdout.count("---> Running in") == 1


def test_a_rebuilt_stage_with_the_same_files_is_no_news_to_the_next(machine: Machine, tmp_path: Path) -> None:
    text = """
        FROM busybox AS one
        ARG WHY
        RUN echo $WHY > /why && echo same > /same && touch -d @1 /same
        FROM busybox
        COPY --from=one /same /
        RUN echo ran
    """
    put(tmp_path, Dockerfile=text)
    assert build(machine, tmp_path, "--build-arg", "WHY=a").stdout.count("---> Running in") == 2
    assert build(machine, tmp_path, "--build-arg", "WHY=b").stdout.count("---> Running in") == 1


def test_a_failing_step_is_told_with_its_line_and_exit_code(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\n\nRUN echo before; \\\n  exit 7\n")
    failed = build(machine, tmp_path, succeeds=False)
    assert failed.returncode == 7
    assert "before" in said(failed)
    assert "Dockerfile:3: The command '/bin/sh -c echo before;   exit 7' returned a non-zero code: 7" in failed.stderr


@pytest.mark.parametrize(
    ("dockerfile", "problem"),
    [
        ("FROM busybox\nRAN x", "Dockerfile:2: unknown instruction: RAN"),
        ("FROM busybox\nCOPY none /", "Dockerfile:2: COPY failed: file not found in build context"),
        ("FROM busybox\nCOPY ../../etc/passwd /", "Dockerfile:2: COPY failed: file not found"),
        ("FROM busybox\nUSER nobody2\nRUN id", "Dockerfile:3: unable to find user nobody2"),
        ("FROM busybox\nRUN --security=insecure id", "Dockerfile:2: security.insecure is not allowed"),
        ("FROM busybox\nRUN --mount=type=secret,id=x,required id", "Dockerfile:2: secret x: not found"),
        ("FROM busybox\nCOPY --from=nowhere a /", "Dockerfile:2: "),
        ("FROM no-such-image-at-all", "Dockerfile:1: "),
        ("FROM busybox\nADD --checksum=sha256:0 http://127.0.0.1:1/x /", "Dockerfile:2: invalid checksum"),
    ],
)
def test_what_cannot_be_built_is_told_with_its_line(
    machine: Machine, tmp_path: Path, dockerfile: str, problem: str
) -> None:
    put(tmp_path, Dockerfile=dockerfile)
    failed = build(machine, tmp_path, succeeds=False)
    assert failed.returncode == 1
    assert problem in failed.stderr


def test_a_target_a_label_and_a_dockerfile_on_standard_input(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, f="f\n")
    text = "FROM busybox AS one\nCOPY f /\nFROM one AS two\nRUN false\n"
    build(machine, tmp_path, "-f", "-", "--target", "one", "--label", "a=b", "-t", "e2e/target", stdin=text)
    assert run(machine, "e2e/target", "cat", "/f") == "f\n"
    assert '"a":"b"' in machine.docker("image", "inspect", "--format", "{{json .Config.Labels}}", "e2e/target").stdout
    done = build(machine, "-", stdin="FROM busybox\nRUN echo no context\n")
    assert said(done) == ["no context"]


def test_an_image_from_scratch_has_its_files_alone(machine: Machine, tmp_path: Path) -> None:
    put(
        tmp_path,
        Dockerfile='FROM scratch\nCOPY f /f\nCOPY --from=busybox /bin/busybox /busybox\nENTRYPOINT ["/busybox"]\n',
        f="x",
    )
    build(machine, tmp_path, "-t", "e2e/scratch")
    assert run(machine, "e2e/scratch", "ls", "/f") == "/f\n"
    layers = machine.docker("image", "inspect", "--format", "{{len .RootFS.Layers}}", "e2e/scratch").stdout
    assert layers.strip() == "2"


def test_an_image_of_no_steps_is_as_old_as_its_first_build(machine: Machine, tmp_path: Path) -> None:
    build(machine, "-", "-t", "e2e/nothing", stdin="FROM scratch\n")
    created = machine.docker("image", "inspect", "--format", "{{.Created}}", "e2e/nothing").stdout
    assert not created.startswith("1970")
    first = image_id(machine, "e2e/nothing")
    build(machine, "-", "-t", "e2e/nothing", stdin="FROM scratch\n")
    assert image_id(machine, "e2e/nothing") == first


def test_docker_py_builds_and_tells_a_failure_with_its_log(machine: Machine, tmp_path: Path) -> None:
    client = docker.DockerClient(base_url=machine.address, timeout=60)
    try:
        put(tmp_path, Dockerfile="FROM busybox\nARG A\nRUN echo $A > /a\n", _ignore="x")
        image, log = client.images.build(path=str(tmp_path), tag="e2e/library", buildargs={"A": "1"}, rm=True)
        assert image.tags == ["e2e/library:latest"]
        assert "Successfully built" in "".join(map(str, log))
        assert client.containers.run(image, ["cat", "/a"], remove=True) == b"1\n"
        with pytest.raises(BuildError, match="returned a non-zero code: 3") as failed:
            client.images.build(
                fileobj=io.BytesIO(b"FROM busybox\nRUN echo why; exit 3\n"), extra_hosts={"a": "10.0.0.1"}
            )
        assert "why" in "".join(map(str, failed.value.build_log))
    finally:
        client.close()


def test_the_cache_is_shown_pruned_and_imported_from_an_image(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nRUN echo unique-for-pruning > /x\n")
    build(machine, tmp_path, "-t", "e2e/pruned")
    assert "unique-for-pruning" in machine.docker("system", "df", "-v", "--format", "{{json .BuildCache}}").stdout
    machine.docker("builder", "prune", "--force", "--all")
    assert "Build Cache" in machine.docker("system", "df").stdout
    assert "unique" not in machine.docker("system", "df", "-v", "--format", "{{json .BuildCache}}").stdout
    assert run(machine, "e2e/pruned", "cat", "/x") == "unique-for-pruning\n"
    assert "---> Using cache" in build(machine, tmp_path, "--cache-from", "e2e/pruned").stdout
    assert "---> Using cache" in build(machine, tmp_path).stdout  # what was of use is remembered


SERVICES = """
    name: e2e-built
    services:
      base:
        build:
          context: .
          dockerfile_inline: |
            FROM busybox
            RUN echo base > /base
        scale: 0
      web:
        build:
          context: ./web
          args: {WHO: world}
          additional_contexts: {base: "service:base", lib: ./lib}
          secrets: [token]
          target: final
          tags: ["e2e-built/web:extra"]
        command: [cat, /greeting, /base, /lib]
    secrets:
      token: {file: ./token}
"""
WEB = """
    FROM base AS final
    ARG WHO
    RUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = hidden
    COPY --from=lib file /lib
    RUN echo hello $WHO > /greeting
    FROM scratch
"""


def test_pycompose_builds_what_is_missing_and_everything_when_asked(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, **{"compose.yaml": SERVICES, "web__Dockerfile": WEB, "lib__file": "lib\n", "token": "hidden"})
    pycompose = partial(machine.pycompose, cwd=tmp_path)
    try:
        first = pycompose("up")
        assert sorted(line.partition("| ")[2] for line in first.stdout.splitlines() if "|" in line) == [
            "base", "hello world", "lib",
        ]  # fmt: skip
        assert "Image e2e-built-web  Built" in first.stderr
        assert image_id(machine, "e2e-built-web") == image_id(machine, "e2e-built/web:extra")
        assert "Building" not in pycompose("up").stderr
        assert "---> Using cache" in pycompose("up", "--build").stderr
        assert pycompose("build", "-q").stderr == ""
        put(tmp_path, web__Dockerfile=WEB.replace("echo hello $WHO", "echo why; exit 4; echo"))
        failed = pycompose("build", succeeds=False)
        assert failed.returncode == 1
        assert "Dockerfile:5: The command '/bin/sh -c echo why; exit 4; echo > /greeting' returned" in failed.stderr
        assert "  | why" in failed.stderr
        assert "compose.yaml:11:" in failed.stderr
    finally:
        pycompose("down", "--rmi", "local")
