"""Builds whose files or whole context come from elsewhere: URLs, git repositories, an ssh agent."""

from __future__ import annotations

import socket
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.building import build, put, said
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


@pytest.fixture(autouse=True, scope="module")
def _base(machine: Machine) -> None:
    """The image that most builds stand on; pulling it would be a part of the first one's output."""
    machine.docker("pull", "busybox")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server of the files in tmp_path/web."""
    (tmp_path / "web").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_files_and_contexts_by_url(machine: Machine, tmp_path: Path, web: str) -> None:
    put(tmp_path / "web", file="from the web\n")
    put(tmp_path / "c", Dockerfile=f"FROM busybox\nADD {web}/file /d/\nADD {web}/file /named\nRUN cat /d/file /named")
    assert said(build(machine, tmp_path / "c")) == ["from the web"] * 2
    put(tmp_path / "web", Remote="FROM busybox\nRUN echo remote\n")
    assert said(build(machine, f"{web}/Remote")) == ["remote"]
    with tarfile.open(tmp_path / "web" / "context.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "c", ".")
    assert said(build(machine, f"{web}/context.tar.gz", "--no-cache")) == ["from the web"] * 2


@pytest.fixture
def repository(tmp_path: Path, web: str) -> str:
    """The address of a git repository with a tag `one` before the end of its branch `main`."""
    source = put(tmp_path / "source", sub__f="v1\n", f="v1\n")
    git = ["git", "-C", str(source), "-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "1"], ["tag", "one"]):
        subprocess.run([*git, *words], check=True)
    put(source, f="v2\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "2"], check=True)
    bare = tmp_path / "web" / "r.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(source), str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)
    return f"{web}/r.git"


def test_repositories_are_sources(machine: Machine, tmp_path: Path, repository: str) -> None:
    text = f"""
        FROM busybox
        ADD {repository}#one /one
        ADD {repository}#main:sub /sub
        ADD {repository} /head
        RUN cat /one/f /head/f; find /sub /one -name .git -o -name f | sort
    """
    put(tmp_path / "c", Dockerfile=text)
    assert said(build(machine, tmp_path / "c")) == ["v1", "v2", "/one/f", "/one/sub/f", "/sub/f"]


AGENT = """
    name: e2e-agent
    services:
      web:
        build:
          context: .
          dockerfile_inline: |
            FROM busybox
            COPY --from=repository f /f
            RUN --mount=type=ssh test -S "$$SSH_AUTH_SOCK"
            RUN --security=insecure grep CapEff /proc/self/status
          additional_contexts: {{repository: "{repository}#one"}}
          ssh: ["default={socket}"]
          privileged: true
        command: [cat, /f]
"""


def test_a_service_is_built_with_an_agent_a_repository_and_privileges(
    machine: Machine, tmp_path: Path, repository: str
) -> None:
    address = str(machine.paths.root.parent / "agent")
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(address)
        put(tmp_path / "p", **{"compose.yaml": AGENT.format(repository=repository, socket=address)})
        try:
            assert "| v1" in machine.pycompose("up", cwd=tmp_path / "p").stdout
        finally:
            machine.pycompose("down", "--rmi", "local", cwd=tmp_path / "p")


WITH_KEY = """
    name: e2e-key
    services:
      web:
        build:
          context: .
          dockerfile_inline: |
            FROM python:3-slim
            COPY ask.py /
            USER 1234
            RUN --mount=type=ssh,id=deploy,uid=1234 python3 /ask.py
            RUN test ! -e "$$SSH_AUTH_SOCK" && ! grep -r "PRIVATE KEY" /tmp /run /ask.py
          ssh: [deploy=./key]
"""
# The agent protocol's request for the keys that there are (draft-miller-ssh-agent), and what they are called.
ASK = """
    import os, socket
    agent = socket.socket(socket.AF_UNIX)
    agent.connect(os.environ["SSH_AUTH_SOCK"])
    agent.sendall(bytes([0, 0, 0, 1, 11]))
    answer = agent.recv(10000)
    print("keys:", answer[8], b"called this" in answer)
"""


def test_a_key_in_a_file_is_held_by_an_agent_which_any_user_of_a_step_may_ask(machine: Machine, tmp_path: Path) -> None:
    put(tmp_path, **{"compose.yaml": WITH_KEY, "ask.py": ASK, ".dockerignore": "key*\n"})
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "called this", "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True)
    told = machine.pycompose("build", cwd=tmp_path).stderr
    assert "keys: 1 True" in told
    assert (tmp_path / "key").read_text().splitlines()[1] not in told + machine.engine_log()
    assert list((machine.paths.run / "builds").iterdir()) == []
