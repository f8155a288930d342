"""Images are built: by the real docker command line with its classic builder, by docker-py, and by pycompose."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
from functools import partial
from pathlib import Path

import docker
import pytest
from docker.errors import BuildError

from tests.e2e.building import build, image_id, put, run, said
from tests.e2e.kernel import without_engine
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


def test_copying_stays_inside_the_image_and_follows_its_symlinks(machine: Machine, tmp_path: Path) -> None:
    outside = f"/tmp/pycompose-escape-{os.getpid()}"
    text = f"""
        FROM busybox
        RUN mkdir /real && ln -s /real /link && ln -s ../../../..{outside} /escape
        COPY one /link/
        COPY one {outside}/x
        COPY one /escape/y
        COPY tree /real/
        COPY *.t? tree/in /several/
        COPY --exclude=*.o tree /without
        COPY --parents tree/in/deep ./tree/./in/deep /whole/
        RUN find /real /several /without /whole {outside} | sort
    """
    put(
        tmp_path,
        Dockerfile=text,
        one="1",
        tree__a="a",
        tree__b__="",
        **{"tree__in__deep": "d", "x.ty": "", "tree__c.o": ""},
    )
    found = said(build(machine, tmp_path))
    assert found == sorted(
        [
            *("/real", "/real/a", "/real/b", "/real/c.o", "/real/in", "/real/in/deep", "/real/one"),
            *("/several", "/several/deep", "/several/x.ty"),
            *("/without", "/without/a", "/without/b", "/without/in", "/without/in/deep"),
            *("/whole", "/whole/in", "/whole/in/deep"),
            *("/whole/tree", "/whole/tree/in", "/whole/tree/in/deep"),
            *(outside, f"{outside}/x", f"{outside}/y"),
        ]
    )
    assert not Path(outside).exists()


def test_a_linked_copy_serves_on_any_base_and_hides_nothing_of_it(machine: Machine, tmp_path: Path) -> None:
    text = """
        ARG BASE=busybox
        FROM busybox AS made
        RUN mkdir -p /out/sub && echo made > /out/sub/file
        FROM $BASE
        RUN mkdir -p /opt/sub /data && echo base > /opt/sub/base && ln -s /data /opt/link
        COPY --link --from=made /out /opt
        COPY --link --chown=7:8 --chmod=640 file /opt/link/
        RUN cat /opt/sub/base /opt/sub/file; stat -c "%u:%g %a" /opt/link/file; test ! -e /data/file
    """
    put(tmp_path, Dockerfile=text, file="text\n")
    machine.docker("pull", "alpine")
    expected = ["base", "made", "7:8 640"]
    assert said(build(machine, tmp_path, "-t", "e2e/linked")) == expected
    again = build(machine, tmp_path, "--build-arg", "BASE=alpine", "-t", "e2e/linked2")
    assert said(again) == expected
    assert again.stdout.count(" ---> Using cache") == 3  # the other stage, and both copies
    layers = [machine.docker("image", "inspect", "-f", "{{json .RootFS.Layers}}", name).stdout
              for name in ("e2e/linked", "e2e/linked2")]  # fmt: skip
    first, second = (json.loads(item) for item in layers)
    assert first[-3:-1] == second[-3:-1]
    machine.docker("rmi", "e2e/linked")
    assert run(machine, "e2e/linked2", "cat", "/opt/sub/file") == "made\n"
    failed = build(machine, "-", stdin="FROM busybox\nCOPY --link --chown=root <<x /x\nx\n", succeeds=False)
    assert "--link cannot look up 'root'" in failed.stderr


def test_ignored_files_are_not_there(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nCOPY . /c\nRUN find /c -type f | sort", _ignore="*.log\nsub\n!sub/kept")
    put(tmp_path, **{"a.log": "", "b": "", "sub__kept": "", "sub__gone": ""})
    assert said(build(machine, tmp_path)) == ["/c/.dockerignore", "/c/Dockerfile", "/c/b", "/c/sub/kept"]
    put(tmp_path, Dockerfile_ignore="b\n.dockerignore\nDockerfile*")
    assert said(build(machine, tmp_path)) == ["/c/sub/kept"]


def test_here_documents_are_files_scripts_and_input(machine: Machine, tmp_path: Path) -> None:
    text = """
        FROM busybox
        ENV NAME=value
        COPY <<one <<"two" /d/
        a "$NAME" \\$NAME
        one
        b $NAME
        two
        RUN <<EOF
        cat /d/one
        cat /d/two
        EOF
        RUN <<EOF
        #!/bin/sh -e
        echo script $0
        EOF
        RUN cat <<-A ; cat <<B
        \tindented
        A
        plain
        B
    """
    put(tmp_path, Dockerfile=text)
    expected = ['a "value" $NAME', "b $NAME", "script /dev/pipes/EOF", "indented", "plain"]
    assert said(build(machine, tmp_path)) == expected


def test_archives_are_unpacked_by_add_alone(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nADD a.tgz /add/\nCOPY a.tgz /copy/\nADD --unpack=false a.tgz /raw/\n"
        "RUN find /add /copy /raw -type f | sort")  # fmt: skip
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(tmp_path / "Dockerfile", "in/side")
    assert said(build(machine, tmp_path)) == ["/add/in/side", "/copy/a.tgz", "/raw/a.tgz"]


def test_an_archive_that_would_lead_out_of_the_image_is_refused(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nADD a.tgz /add/\n")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../escape"), io.BytesIO())
    assert 'invalid entry name "../../escape"' in build(machine, tmp_path, succeeds=False).stderr


def test_mounts_of_a_run_are_there_for_it_alone(machine: Machine, tmp_path: Path) -> None:
    text = """
        FROM busybox AS other
        RUN echo other > /file
        FROM busybox
        RUN --mount=type=bind,target=/ctx --mount=type=bind,from=other,source=/file,target=/f cat /ctx/one /f
        RUN --mount=target=/ctx,rw echo new > /ctx/one; cat /ctx/one
        RUN --mount=target=/ctx cat /ctx/one; touch /ctx/x 2>&1 | grep -o Read-only
        RUN --mount=type=cache,target=/cache,id=e2e,sharing=locked echo x >> /cache/n; wc -l < /cache/n
        RUN --mount=type=cache,target=/again,id=e2e echo x >> /again/n; wc -l < /again/n
        RUN --mount=type=tmpfs,target=/mem,size=1m stat -f -c %T /mem
        RUN ls -d /ctx /f /cache /again /mem 2>/dev/null; ls /run /dev/pipes 2>/dev/null; true
    """
    put(tmp_path, Dockerfile=text, one="one\n")
    assert said(build(machine, tmp_path)) == ["one", "other", "new", "one", "Read-only", "1", "2", "tmpfs"]


def test_variables_networks_users_and_limits_reach_a_run(machine: Machine, tmp_path: Path) -> None:
    text = """
        FROM busybox
        ARG GIVEN
        ARG DEFAULT=d
        ARG TARGETARCH
        ENV E=$DEFAULT
        USER 5:6
        RUN echo $GIVEN $E $TARGETARCH $http_proxy $(id -u):$(id -g) $(ulimit -n)
        RUN --network=none ls /sys/class/net
        RUN grep extra /etc/hosts; df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2
        RUN [ "sh", "-c", "echo $0 '$HOME'", "zero" ]
    """
    put(tmp_path, Dockerfile=text)
    options = ("--build-arg", "GIVEN=g", "--build-arg", "http_proxy=p", "--add-host", "extra:10.1.2.3")
    done = build(machine, tmp_path, *options, "--ulimit", "nofile=99:99", "--shm-size", "1m")
    machine_type = machine.docker("version", "--format", "{{.Server.Arch}}").stdout.strip()
    assert said(done) == [f"g d {machine_type} p 5:6 99", "lo", "10.1.2.3\textra", "1024", "zero $HOME"]


def test_an_argument_that_nobody_takes_is_named(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\n")
    done = build(machine, tmp_path, "--build-arg", "x=1", "--build-arg", "https_proxy=y")
    assert "[Warning] One or more build-args [x] were not consumed" in done.stdout


def test_triggers_run_in_the_images_built_on_theirs(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nONBUILD COPY f /f\nONBUILD RUN cat /f\n", f="trigger\n")
    build(machine, tmp_path, "-t", "e2e/onbuild")
    put(tmp_path, Dockerfile="FROM e2e/onbuild\nRUN echo own")
    done = build(machine, tmp_path, "-t", "e2e/triggered")
    assert "# Executing 2 build triggers" in done.stdout
    assert said(done)[-2:] == ["trigger", "own"]
    left = machine.docker("image", "inspect", "--format", "{{json .Config.OnBuild}}", "e2e/triggered").stdout.strip()
    assert left == "null"


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


def test_a_client_that_goes_away_ends_its_build_and_nothing_stays(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nRUN echo begun; sleep 1000\n")
    build(machine, "-", stdin="FROM busybox\n")
    before = without_engine(machine.kernel())
    with _begun(machine, tmp_path) as client:
        client.send_signal(signal.SIGINT)
        client.wait(60)
    machine.end_engine(signal.SIGTERM)  # it ends its builds first
    machine.start_engine()
    assert without_engine(machine.kernel()) == before
    assert list((machine.paths.root / "builds" / "tmp").iterdir()) == []


def test_an_engine_that_was_killed_in_a_build_leaves_nothing_to_the_next(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, Dockerfile="FROM busybox\nRUN echo kept > /kept\nRUN echo begun; sleep 1000\n")
    build(machine, "-", stdin="FROM busybox\n")
    before = without_engine(machine.kernel())
    with _begun(machine, tmp_path) as client:
        machine.end_engine(signal.SIGKILL)
        client.wait(60)
    machine.start_engine()
    assert without_engine(machine.kernel()) == before
    assert list((machine.paths.root / "builds" / "tmp").iterdir()) == []
    put(tmp_path, Dockerfile="FROM busybox\nRUN echo kept > /kept\nRUN echo end\n")
    done = build(machine, tmp_path)
    assert done.stdout.count("---> Using cache") == 1
    assert said(done) == ["end"]


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


def _begun(machine: Machine, context: Path) -> subprocess.Popen[str]:
    """A build whose RUN has begun."""
    command = [machine.docker_program, "--host", machine.address, "build", str(context)]
    environment = {**machine.environment, "DOCKER_BUILDKIT": "0"}
    client = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
    )
    assert client.stdout
    assert any(line == "begun\n" for line in client.stdout)
    return client
