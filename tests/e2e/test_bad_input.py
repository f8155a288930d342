"""Wrong input gives one clear message with its place, an honest exit code, and nothing half-made."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from tests.e2e.kernel import NOTHING, without_engine
from tests.e2e.machine import Completed, Machine, pycompose_command
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.net]


def up(machine: Machine, directory: Path, text: str) -> Completed:
    """Write a compose file and try to bring it up; nothing may be left of the attempt."""
    (directory / "compose.yaml").write_text(text)
    before = machine.kernel()
    done = machine.pycompose("up", "-d", cwd=directory, succeeds=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    after = machine.kernel()
    if after != before:
        # What stands is listed by `ps`, as with docker compose; `down` takes all of it away.
        machine.pycompose("down", "-v", cwd=directory)
        assert machine.kernel() == before
    return done


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("services:\n  web:\n    image: busybox\n    imgae: x\n", "compose.yaml:4:5", "imgae"),
        ("services:\n  web:\n    image: [busybox]\n", "compose.yaml:3:12", "image"),
        ("services:\n  web:\n    image: 'busybox\n", "compose.yaml:", "quote"),
        ("services:\n  web:\n    image: ${TAG:?is needed}\n", "compose.yaml:3:12", "TAG"),
        ("services:\n  web:\n    image: busybox\n    depends_on: [nobody]\n", "compose.yaml:4", "nobody"),
        ("services:\n  web:\n    image: busybox\n    networks: [nowhere]\n", "compose.yaml:4", "nowhere"),
    ],
    ids=["unknown key", "wrong type", "bad YAML", "required variable", "undefined service", "undefined network"],
)
def test_a_wrong_file_is_refused_at_its_line(
    machine: Machine, tmp_path: Path, text: str, place: str, message: str
) -> None:
    done = up(machine, tmp_path, text)
    assert place in done.stderr
    assert message in done.stderr


def test_a_cycle_is_refused_with_its_members(machine: Machine, tmp_path: Path) -> None:
    text = """
    services:
      a: {image: busybox, depends_on: [b]}
      b: {image: busybox, depends_on: [a]}
    """
    done = up(machine, tmp_path, text)
    assert "compose.yaml:" in done.stderr
    assert "cycle" in done.stderr


def test_a_missing_image_is_named(machine: Machine, tmp_path: Path) -> None:
    done = up(machine, tmp_path, "services: {web: {image: 'no-such-image:1'}}")
    assert "no-such-image:1" in done.stderr


def test_a_port_in_use_is_told_with_its_owner(machine: Machine, tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as occupier:
        port = occupier.getsockname()[1]
        done = up(
            machine, tmp_path, f"services: {{web: {{image: busybox, command: sleep 1000, ports: ['{port}:80']}}}}"
        )
    assert str(port) in done.stderr
    assert Path(sys.executable).resolve().name[:6] in done.stderr or "python" in done.stderr or "pytest" in done.stderr


def test_a_port_of_another_container_is_told_with_its_name(machine: Machine, tmp_path: Path) -> None:
    port = free_port()
    machine.docker("run", "--detach", "--name", "first", "--publish", f"{port}:80", "busybox", "sleep", "1000")
    try:
        done = up(machine, tmp_path, f"services: {{web: {{image: busybox, command: sleep 9, ports: ['{port}:80']}}}}")
        assert "first" in done.stderr
    finally:
        machine.docker("rm", "--force", "first")


def test_a_directory_without_a_compose_file_says_which_names_were_looked_for(machine: Machine, tmp_path: Path) -> None:
    done = machine.pycompose("up", "-d", cwd=tmp_path, succeeds=False)
    assert done.returncode == 1
    assert "compose.yaml" in done.stderr


def test_without_root_the_message_says_what_to_do(fresh_machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: busybox}}")
    # The capability to read lets it reach this checkout wherever that is; in all else it is nobody.
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    nobody += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    done = fresh_machine.run([*nobody, *pycompose_command(), "up", "-d"], cwd=tmp_path, succeeds=False)
    assert done.returncode != 0
    assert "root" in done.stderr
    assert "Traceback" not in done.stderr
    assert not fresh_machine.paths.root.exists()


def test_without_crun_the_message_names_the_package(fresh_machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: busybox, command: sleep 1000}}")
    # In a mount namespace of the test's own, crun is something that cannot be run.
    hide = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$(command -v crun)" && exec "$@"', "sh"]
    done = fresh_machine.run([*hide, *pycompose_command(), "up", "-d"], cwd=tmp_path, succeeds=False)
    assert done.returncode != 0
    assert "crun" in done.stderr
    assert "apt-get install" in done.stderr
    fresh_machine.pycompose("down", "-v", cwd=tmp_path)
    assert without_engine(fresh_machine.kernel()) == NOTHING
