"""The agents that a build is given: the user's own, or one that holds keys for the time of the build."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from compose.apply.building.ssh_agents import agents
from compose.errors import ComposeError

pytestmark = pytest.mark.anyio

SUBJECT = ("services", "web", "build", "ssh")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key that anybody may read."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    (tmp_path / "key").chmod(0o644)
    return tmp_path / "key"


def held(socket: str) -> list[str]:
    """The keys of an agent."""
    done = subprocess.run(
        ["ssh-add", "-L"], env={**os.environ, "SSH_AUTH_SOCK": socket}, capture_output=True, check=False
    )
    return [line.split()[1] for line in done.stdout.decode().splitlines()]


async def test_the_agent_of_the_environment_and_the_socket_of_another() -> None:
    async with agents(["default", "other=/o"], {"SSH_AUTH_SOCK": "/s"}, SUBJECT) as found:
        assert found == {"default": "/s", "other": "/o"}


async def test_an_agent_that_does_not_run_is_named() -> None:
    with pytest.raises(ComposeError, match="SSH_AUTH_SOCK is not set") as failed:
        async with agents(["default"], {}, SUBJECT):
            pass
    assert failed.value.subject == SUBJECT


async def test_a_key_is_held_by_an_agent_that_ends_with_the_build(key: Path) -> None:
    public = key.with_suffix(".pub").read_text().split()[1]
    async with agents([f"deploy={key}"], os.environ, SUBJECT) as found:
        socket = Path(found["deploy"])
        assert held(str(socket)) == [public]
        assert socket.parent.stat().st_mode & 0o077 == 0
    assert not socket.parent.exists()


def unusable(path: Path, kind: str) -> Path:
    path.write_text("nothing")
    if kind == "passphrase":
        path.unlink()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(path)], check=True)
    return path


@pytest.mark.parametrize("kind", ["passphrase", "no key"])
async def test_a_key_that_cannot_be_used_is_named(tmp_path: Path, kind: str) -> None:
    path = unusable(tmp_path / "key", kind)
    with pytest.raises(ComposeError, match=f"the ssh key {path} cannot be used"):
        async with agents([f"default={path}"], os.environ, SUBJECT):
            pass


async def test_a_machine_without_openssh_is_told_so(key: Path) -> None:
    with pytest.raises(ComposeError, match="ssh-agent cannot be run"):
        async with agents([f"default={key}"], {"PATH": "/nowhere"}, SUBJECT):
            pass
