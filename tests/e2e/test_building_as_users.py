"""Whose the files of an image are that was built under a USER."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]


def build(machine: Machine, dockerfile: str) -> str:
    """What the classic builder says of a Dockerfile without a context."""
    command = [machine.docker_program, "--host", machine.address, "build", "-"]
    return machine.run(command, cwd=machine.paths.root, stdin=dedent(dockerfile), DOCKER_BUILDKIT="0").stdout


def test_a_working_directory_belongs_to_the_user_it_was_made_under(machine: Machine) -> None:
    said = build(
        machine,
        """
        FROM busybox
        RUN echo 'bob:x:1500:1600::/home/bob:/bin/sh' >>/etc/passwd
        WORKDIR /of/root
        USER bob
        WORKDIR /of/root
        WORKDIR /srv/app/of/bob
        RUN touch mine
        USER 7:8
        WORKDIR /srv/app/of/7
        RUN stat -c '%n is of %u:%g' /of/root /srv/app /srv/app/of/bob/mine .
        """,
    )
    found = [line for line in said.splitlines() if " is of " in line and not line.startswith("Step")]
    owners = ["/of/root is of 0:0", "/srv/app is of 1500:1600", "/srv/app/of/bob/mine is of 1500:1600", ". is of 7:8"]
    assert found == owners
