"""`docker build` with the buildx plugin, as docker's own packages install it: BuildKit's API, not the classic one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.building import image_id, put, run
from tests.e2e.machine import Completed, Machine, wait_for_exit

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(scope="module")
def buildx(machine: Machine, buildx_plugin: Path) -> Iterator[Machine]:
    """The machine, whose docker command line finds the plugin."""
    place = Path(machine.environment["DOCKER_CONFIG"]) / "cli-plugins" / "docker-buildx"
    place.parent.mkdir(parents=True)
    place.symlink_to(buildx_plugin)
    yield machine
    place.unlink()


def build(machine: Machine, context: Path | str, *options: str, succeeds: bool = True, stdin: str = "") -> Completed:
    """`docker build`, which the plugin takes over."""
    return machine.docker("build", "--progress=plain", *options, str(context), succeeds=succeeds, stdin=stdin)


def steps(done: Completed) -> list[str]:
    """The names of what was done, in order. buildx writes them again when it comes back from telling of another one."""
    return list(dict.fromkeys(re.findall(r"^#\d+ (\[.*?\] .*)$", done.stderr, re.MULTILINE)))


def test_an_image_is_built_named_and_cached(buildx: Machine, tmp_path: Path) -> None:
    context = put(
        tmp_path,
        Dockerfile="""
            FROM busybox AS base
            WORKDIR /srv
            ENV A=1
            RUN echo said && echo $A > a
            FROM base
            COPY *.txt ./
            CMD ["cat", "a", "one.txt"]
        """,
        **{"one.txt": "1\n", "_ignore": "two.txt\n", "two.txt": "2\n"},
    )
    first = build(buildx, context, "-t", "plain:1", "-t", "plain:2")
    assert [name for name in steps(first) if not name.startswith("[internal]")] == [
        "[base 1/3] FROM docker.io/library/busybox:latest",
        "[base 2/3] WORKDIR /srv",
        "[base 3/3] RUN echo said && echo $A > a",
        "[stage-1 1/1] COPY *.txt ./",
    ]
    assert re.search(r"^#\d+ [\d.]+ said$", first.stderr, re.MULTILINE)
    assert run(buildx, "plain:2") == "1\n1\n"
    assert run(buildx, "plain:1", "ls") == "a\none.txt\n"
    again = build(buildx, context, "-t", "plain:3")
    assert again.stderr.count("CACHED") == 3
    assert image_id(buildx, "plain:3") == image_id(buildx, "plain:1")


def test_a_metadata_file_has_the_image_under_the_names_that_were_asked_for(buildx: Machine, tmp_path: Path) -> None:
    context = put(tmp_path / "src", Dockerfile="FROM busybox\nRUN true\n")
    build(buildx, context, "-t", "meta", "-t", "meta:2", "--metadata-file", str(tmp_path / "meta.json"))
    told = json.loads((tmp_path / "meta.json").read_text())
    identity = image_id(buildx, "meta:2")
    assert (told["containerimage.digest"], told["containerimage.config.digest"]) == (identity, identity)
    assert told["image.name"] == "docker.io/library/meta,docker.io/library/meta:2"
    assert told["buildx.build.ref"].startswith("default/default/")


def test_a_failed_step_points_at_its_line(buildx: Machine, tmp_path: Path) -> None:
    context = put(tmp_path, Dockerfile="FROM busybox\nRUN echo before; exit 3\n")
    failed = build(buildx, context, succeeds=False)
    assert failed.returncode
    words = 'failed to solve: process "/bin/sh -c echo before; exit 3" did not complete successfully: exit code: 3'
    assert words in failed.stderr
    assert "   2 | >>> RUN echo before; exit 3" in failed.stderr


def test_the_dockerfile_may_come_from_standard_input_or_elsewhere(buildx: Machine, tmp_path: Path) -> None:
    put(tmp_path, context__file="content\n", elsewhere__My="FROM busybox\nCOPY file /file\n")
    build(buildx, tmp_path / "context", "-t", "elsewhere", "-f", str(tmp_path / "elsewhere" / "My"))
    assert run(buildx, "elsewhere", "cat", "/file") == "content\n"
    build(buildx, tmp_path / "context", "-t", "stdin", "-f", "-", stdin="FROM elsewhere\nCOPY . /all\n")
    assert run(buildx, "stdin", "ls", "/all") == "file\n"


def test_secrets_are_seen_by_the_step_alone(buildx: Machine, tmp_path: Path) -> None:
    context = put(
        tmp_path / "context",
        Dockerfile="""
            FROM busybox
            RUN --mount=type=secret,id=token cat /run/secrets/token
            RUN --mount=type=secret,id=token,env=TOKEN echo "in $TOKEN"
            RUN --mount=type=secret,id=other test ! -e /run/secrets/other
        """,
    )
    (tmp_path / "token").write_text("hush-hush")
    done = build(buildx, context, "-t", "secretive", "--secret", f"id=token,src={tmp_path}/token")
    assert "in hush-hush" in done.stderr
    assert run(buildx, "secretive", "sh", "-c", "cat /run/secrets/* 2>/dev/null; env | grep -c TOKEN || true") == "0\n"


def test_results_go_to_directories_and_archives_of_the_client(buildx: Machine, tmp_path: Path) -> None:
    context = put(
        tmp_path / "context",
        Dockerfile="""
            FROM busybox AS made
            RUN mkdir -p /out/deep && echo one > /out/one && ln -s one /out/link && echo x > /out/deep/x \\
              && chmod 750 /out/deep/x
            FROM scratch
            COPY --from=made /out /
        """,
    )
    buildx.docker("pull", "--quiet", "busybox")
    before = buildx.docker("images", "--quiet", "--all").stdout
    build(buildx, context, "-o", str(tmp_path / "local"))
    assert (tmp_path / "local" / "link").readlink() == Path("one")
    assert (tmp_path / "local" / "deep" / "x").read_text() == "x\n"
    assert (tmp_path / "local" / "deep" / "x").stat().st_mode & 0o777 == 0o750
    build(buildx, context, "-o", f"type=tar,dest={tmp_path}/out.tar")
    with tarfile.open(tmp_path / "out.tar") as archive:
        assert sorted(archive.getnames()) == ["deep", "deep/x", "link", "one"]
    assert buildx.docker("images", "--quiet", "--all").stdout == before


def test_an_archive_on_standard_input_is_a_context(buildx: Machine, tmp_path: Path) -> None:
    # Of an archive with extended headers buildx thinks that it is a Dockerfile.
    with tarfile.open(tmp_path / "context.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(put(tmp_path / "in", Dockerfile="FROM busybox\nCOPY file /file\n", file="packed\n"), ".")
    command = [buildx.docker_program, "--host", buildx.address, "build", "-t", "packed", "-"]
    with (tmp_path / "context.tar").open("rb") as stdin:
        subprocess.run(command, stdin=stdin, env=dict(buildx.environment), check=True, capture_output=True, timeout=60)
    assert run(buildx, "packed", "cat", "/file") == "packed\n"


def test_a_context_is_asked_for_when_a_step_needs_it_and_only_for_what_is_copied(
    buildx: Machine, tmp_path: Path
) -> None:
    context = put(tmp_path, Dockerfile="FROM busybox\nRUN true\n", one="1\n", two="2\n" * 100_000)
    assert "load build context" not in build(buildx, context).stderr
    put(tmp_path, Dockerfile="FROM busybox\nCOPY one /\n")
    done = build(buildx, context)
    assert "load build context" in done.stderr
    assert not re.search(r"transferring context: [\d.]+[MG]B", done.stderr)
    put(tmp_path, trigger__Dockerfile="FROM busybox\nONBUILD COPY two /\n")
    build(buildx, context / "trigger", "-t", "trigger")
    put(tmp_path, Dockerfile="FROM trigger\nCOPY one /\n")
    build(buildx, context, "-t", "triggered")
    assert run(buildx, "triggered", "wc", "-l", "/two") == "100000 /two\n"


def test_only_what_changed_in_a_context_is_sent_again(buildx: Machine, tmp_path: Path) -> None:
    context = put(tmp_path, Dockerfile="FROM busybox\nCOPY . /all\n", d__gone="gone\n", d__small="1\n")
    (context / "big").write_bytes(os.urandom(3 << 20))
    assert re.search(r"transferring context: 3\.\d+MB", build(buildx, context).stderr)
    again = build(buildx, context, "-t", "sent").stderr
    assert "transferring context" in again
    assert not re.search(r"transferring context: [\d.]+MB", again)
    assert "local source for context" in buildx.docker("buildx", "du", "--verbose").stdout
    put(tmp_path, d__small="2\n", d__new="new\n")
    (context / "d" / "gone").unlink()
    changed = build(buildx, context, "-t", "sent").stderr
    assert not re.search(r"transferring context: [\d.]+MB", changed)
    assert run(buildx, "sent", "sh", "-c", "cd /all/d; ls; cat small; sha256sum ../big") == (
        f"new\nsmall\n2\n{hashlib.sha256((context / 'big').read_bytes()).hexdigest()}  ../big\n"
    )
    buildx.docker("builder", "prune", "--all", "--force")
    assert re.search(r"transferring context: 3\.\d+MB", build(buildx, context).stderr)


def test_other_directories_are_contexts_by_name(buildx: Machine, tmp_path: Path) -> None:
    context = put(tmp_path / "main", Dockerfile="FROM busybox\nCOPY --from=more . /more\n")
    put(tmp_path / "more", kept="kept\n", left="left\n", _ignore="left\n")
    build(buildx, context, "-t", "more", "--build-context", f"more={tmp_path}/more")
    assert run(buildx, "more", "ls", "/more") == "kept\n"


def test_an_ssh_agent_of_the_client_answers_in_the_step(buildx: Machine, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    # The agent protocol's request for identities, and the kind of its answer (draft-ietf-sshm-ssh-agent).
    ask = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK'])"
    ask += "; s.sendall(bytes([0, 0, 0, 1, 11])); print('answer', s.makefile('rb').read(9)[4:].hex())"
    context = put(tmp_path / "context", Dockerfile=f'FROM python\nRUN --mount=type=ssh python3 -c "{ask}"\n')
    done = build(buildx, context, "--ssh", f"default={key}")
    assert re.search(r" answer 0c00000001$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_build_ends_with_its_client(buildx: Machine, tmp_path: Path, how: signal.Signals) -> None:
    seconds = f"{1000 + how}"
    context = put(tmp_path, Dockerfile=f"FROM busybox\nRUN echo begins && exec sleep {seconds}\n")
    command = [buildx.docker_program, "--host", buildx.address, "build", "--progress=plain", str(context)]
    environment = dict(buildx.environment)
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as client:
        assert client.stderr is not None
        assert any(line.endswith(" begins\n") for line in client.stderr)
        step = os.pidfd_open(sleeper(seconds))
        os.killpg(client.pid, how)
        client.stderr.read()
    try:
        wait_for_exit(step)
    finally:
        os.close(step)


def sleeper(seconds: str) -> int:
    """The process of a step that sleeps for that long; the shell before it may take a moment to become it."""
    while True:
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if place.read_bytes() == f"sleep\0{seconds}\0".encode():
                    return int(place.parent.name)


def test_bake_builds_targets_on_top_of_each_other(buildx: Machine, tmp_path: Path) -> None:
    put(
        tmp_path,
        base__Dockerfile="FROM busybox\nRUN echo base > /base\n",
        app__Dockerfile="FROM parent\nCOPY --from=parent /base /copied\nCOPY file /file\n",
        app__file="app\n",
    )
    definition = {
        "group": {"default": {"targets": ["app", "base"]}},
        "target": {
            "base": {"context": str(tmp_path / "base"), "tags": ["bake-base"]},
            "app": {
                "context": str(tmp_path / "app"),
                "contexts": {"parent": "target:base"},
                "tags": ["bake-app"],
                "args": {"UNUSED": "1"},
            },
        },
    }
    (tmp_path / "docker-bake.json").write_text(json.dumps(definition))
    command = [buildx.docker_program, "--host", buildx.address, "buildx", "bake", "--progress=plain"]
    buildx.run(command, cwd=tmp_path)
    assert run(buildx, "bake-app", "cat", "/copied", "/file") == "base\napp\n"
    assert run(buildx, "bake-base", "cat", "/base") == "base\n"


def test_the_cache_is_listed_and_pruned(buildx: Machine, tmp_path: Path) -> None:
    build(buildx, put(tmp_path, Dockerfile="FROM busybox\nRUN echo kept > /kept\n"), "-o", "type=cacheonly")
    assert "RUN echo kept" in buildx.docker("buildx", "du", "--verbose").stdout
    buildx.docker("builder", "prune", "--all", "--force")
    assert "RUN echo kept" not in buildx.docker("buildx", "du", "--verbose").stdout


def test_the_builder_describes_itself(buildx: Machine) -> None:
    shown = buildx.docker("buildx", "inspect").stdout
    assert re.search(r"^Status: +running$", shown, re.MULTILINE)
    assert re.search(r"^Platforms: +linux/", shown, re.MULTILINE)
    assert "host-gateway-ip" in shown


def test_the_classic_builder_is_still_there(buildx: Machine, tmp_path: Path) -> None:
    context = put(tmp_path, Dockerfile="FROM busybox\nRUN echo classic > /how\n")
    command = [buildx.docker_program, "--host", buildx.address, "build", "-t", "classic", str(context)]
    done = buildx.run(command, cwd=tmp_path, DOCKER_BUILDKIT="0")
    assert "Successfully tagged classic:latest" in done.stdout
