"""An administrator keeps files from others; containers are not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.machine import Machine, pycompose_command

pytestmark = [pytest.mark.root, pytest.mark.net]

PROJECT = """\
services:
  other:
    image: alpine
    user: "1000"
    command: sh -c 'umask; cat /etc/hosts /etc/resolv.conf /etc/hostname > /dev/null && ls -ld / /data /etc/made /below'
    volumes: ["data:/data", "./below:/below"]
    build:
      dockerfile_inline: |
        FROM alpine
        RUN mkdir /etc/made
volumes:
  data: {}
"""


def test_users_of_containers_see_their_files_though_the_engine_was_started_with_a_strict_umask(
    fresh_machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(PROJECT)
    strictly = ["sh", "-c", 'umask 077; exec "$@"', "sh", *pycompose_command()]
    said = fresh_machine.run([*strictly, "up", "--build", "--no-log-prefix"], cwd=tmp_path).stdout
    modes = {line.split()[-1]: line.split()[0] for line in said.splitlines() if line.startswith("d")}
    assert modes == dict.fromkeys(("/", "/data", "/etc/made", "/below"), "drwxr-xr-x")
    assert "0022" in said.splitlines()
    fresh_machine.run([*strictly, "down", "-v"], cwd=tmp_path)
