"""`watch` and `up --watch`: containers follow their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.machine import Machine, pycompose_command
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.root, pytest.mark.net]

STACK = """
name: dev
services:
  web:
    build:
      context: .
      dockerfile_inline: |
        FROM busybox
        COPY version /version
    command: sleep 1000
    init: true
    develop:
      watch:
        - {path: ./src, action: sync, target: /app, initial_sync: true, ignore: [node_modules/]}
        - {path: ./version, action: rebuild}
        - path: ./gen
          action: sync+exec
          target: /gen
          exec: {command: [sh, -c, "cat /gen/* > /all; echo made; printf 'of %s' $(cat /all)"]}
  behind:
    image: busybox
    command: sleep 1000
    init: true
    depends_on: {web: {condition: service_started, restart: true}}
"""


@pytest.mark.parametrize("command", [("watch",), ("up", "--watch")])
def test_containers_follow_their_files(machine: Machine, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "compose.yaml").write_text(STACK)
    for directory in ("src/node_modules", "gen"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "src" / "first").write_text("first")
    (tmp_path / "version").write_text("1")
    environment = {**machine.environment, "PYTHONPATH": ""}

    def until(condition: str) -> None:
        script = f"until {condition}; do sleep 0.1; done 2>/dev/null"
        machine.pycompose("exec", "-T", "web", "sh", "-c", script, cwd=tmp_path)

    with Terminal([*pycompose_command(), *command], cwd=tmp_path, environment=environment) as screen:
        screen.expect("Syncing service")  # which is told before it is done
        until('[ "$(cat /app/first)" = first ]')
        (tmp_path / "src" / "node_modules" / "no").write_text("no")
        (tmp_path / "src" / "first").unlink()
        (tmp_path / "src" / "second").write_text("second")
        until('[ "$(ls /app)" = second ] && [ "$(cat /app/second)" = second ]')
        (tmp_path / "gen" / "one").write_text("one")
        until('[ "$(cat /all)" = one ]')
        screen.expect("of one")
        started = machine.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "dev-behind-1").stdout.split()
        (tmp_path / "version").write_text("2")
        screen.expect('service(s) ["web"] successfully built')  # and its container replaced
        again = machine.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "dev-behind-1").stdout.split()
        assert again[0] == started[0], "what depends on it is the same"
        assert again[1] != started[1], "and has been restarted"
        until('[ "$(ls /app)" = second ]')
        assert machine.pycompose("exec", "web", "cat", "/version", cwd=tmp_path).stdout == "2"
        assert not machine.docker("images", "--quiet", "--filter", "dangling=true").stdout, "the one before is gone"
        screen.press("\x03")
        assert screen.wait() == 130
    machine.pycompose("down", "-t", "0", "--rmi", "local", cwd=tmp_path)
