"""What single instructions of Dockerfiles do, by the real docker command line with its classic builder."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.e2e.building import build, put, run, said
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(autouse=True, scope="module")
def _base(machine: Machine) -> None:
    """The image that most builds stand on; pulling it would be a part of the first one's output."""
    machine.docker("pull", "busybox")


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
