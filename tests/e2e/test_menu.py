"""The shortcuts of `up` on a terminal, and that the terminal is as before, however `up` ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine, json_lines, pycompose_command
from tests.e2e.terminal import Terminal

pytestmark = [pytest.mark.root, pytest.mark.net]

SERVICE = 'image: busybox, init: true, command: ["sh", "-c", "echo hello; sleep 1000"]'
MENU = "w Enable Watch   d Detach"


@pytest.fixture
def directory(machine: Machine, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "compose.yaml").write_text(f"name: menu\nservices: {{web: {{{SERVICE}}}}}\n")
    yield tmp_path
    machine.pycompose("down", "-t", "0", cwd=tmp_path)


def up(machine: Machine, directory: Path, *options: str, **variables: str) -> Terminal:
    environment = {**machine.environment, "NO_COLOR": "1", **variables}
    return Terminal([*pycompose_command(), "up", "-t", "0", *options], cwd=directory, environment=environment)


def states(machine: Machine, directory: Path) -> set[str]:
    return {each["State"] for each in json_lines(machine.pycompose("ps", "-a", "--format=json", cwd=directory).stdout)}


def test_d_leaves_the_containers_running(machine: Machine, directory: Path) -> None:
    with up(machine, directory) as screen:
        before = screen.settings()
        screen.expect("hello")
        screen.expect(MENU)
        assert screen.settings() != before
        screen.press("d")
        assert screen.wait() == 0
        assert screen.settings() == before
    assert states(machine, directory) == {"running"}


@pytest.mark.parametrize("end", ["\x03", signal.SIGTERM])
def test_signals_stop_everything_and_give_the_terminal_back(
    end: str | signal.Signals, machine: Machine, directory: Path
) -> None:
    with up(machine, directory) as screen:
        before = screen.settings()
        screen.expect("hello")
        screen.expect(MENU)
        screen.press("\x1c")  # Ctrl-\ would leave the terminal as it is
        if isinstance(end, str):
            screen.press(end)
        else:
            os.kill(screen.process.pid, end)
        assert screen.wait() == 130
        assert screen.settings() == before
    assert states(machine, directory) == {"exited"}


def test_an_end_by_itself_gives_the_terminal_back(machine: Machine, directory: Path) -> None:
    with up(machine, directory, "--abort-on-container-exit") as screen:
        before = screen.settings()
        screen.expect("hello")
        screen.expect(MENU)
        machine.docker("kill", "menu-web-1")
        assert screen.wait() == 137
        assert screen.settings() == before


def test_w_watches_where_there_is_something_to_watch(machine: Machine, directory: Path) -> None:
    with up(machine, directory) as screen:
        screen.expect(MENU)
        screen.press("w")
        screen.expect("none of the selected services is configured for watch")
        screen.expect(MENU)
        screen.press("d")
        assert screen.wait() == 0
    (directory / "src").mkdir()
    rule = "develop: {watch: [{action: sync, path: ./src, target: /src}]}"
    (directory / "compose.yaml").write_text(f"name: menu\nservices: {{web: {{{SERVICE}, {rule}}}}}\n")
    with up(machine, directory) as screen:
        screen.expect(MENU)
        screen.press("w")
        screen.expect("Watch enabled")
        screen.expect("w Disable Watch")
        (directory / "src" / "new").write_text("x")
        screen.expect('Syncing service "web"')
        machine.pycompose("exec", "-T", "web", "sh", "-c", "until cat /src/new; do sleep 0.1; done", cwd=directory)
        screen.press("w")
        screen.expect(MENU)
        screen.press("d")
        assert screen.wait() == 0


@pytest.fixture
def waiting_directory(machine: Machine, directory: Path) -> Path:
    """A project that comes up once the file `ready` is in the container of `db`."""
    db = f"{SERVICE}, healthcheck: {{test: [CMD, test, -e, /ready], interval: 100ms, retries: 10000}}"
    web = f"{SERVICE}, depends_on: {{db: {{condition: service_healthy}}}}"
    (directory / "compose.yaml").write_text(f"name: menu\nservices:\n  db: {{{db}}}\n  web: {{{web}}}\n")
    return directory


def make_ready(machine: Machine) -> None:
    machine.docker("exec", "menu-db-1", "touch", "/ready")


def test_the_menu_is_there_while_a_start_still_waits(machine: Machine, waiting_directory: Path) -> None:
    with up(machine, waiting_directory) as screen:
        before = screen.settings()
        screen.expect("db-1   | hello")
        screen.expect(MENU)
        screen.press("d")
        screen.expect("Detaching when everything has started")
        make_ready(machine)
        screen.expect("The containers go on running")
        assert screen.wait() == 0
        assert screen.settings() == before
    assert "web-1  | hello" not in screen.shown  # who left wants to see no more
    assert len(json_lines(machine.pycompose("ps", "--format=json", cwd=waiting_directory).stdout)) == 2


def test_ctrl_c_stops_a_start_that_was_left(machine: Machine, waiting_directory: Path) -> None:
    with up(machine, waiting_directory) as screen:
        screen.expect("db-1   | hello")
        screen.expect(MENU)
        screen.press("d")
        screen.expect("Detaching when everything has started")
        screen.press("\x03")
        assert screen.wait() == 130
    assert states(machine, waiting_directory) <= {"created", "exited"}


def test_watching_begins_when_everything_has_started(machine: Machine, waiting_directory: Path) -> None:
    (waiting_directory / "src").mkdir()
    rule = "develop: {watch: [{action: sync, path: ./src, target: /src}]}"
    file = waiting_directory / "compose.yaml"
    file.write_text(file.read_text().replace("web: {", f"web: {{{rule}, "))
    with up(machine, waiting_directory) as screen:
        screen.expect("db-1   | hello")
        screen.expect(MENU)
        screen.press("w")
        screen.expect("w Disable Watch   d Detach")
        assert "Watch enabled" not in screen.shown
        make_ready(machine)
        screen.expect("Watch enabled")
        screen.press("d")
        assert screen.wait() == 0


@pytest.mark.parametrize(
    ("options", "variables"), [(("--no-menu",), {}), (("--menu=false",), {}), ((), {"COMPOSE_MENU": "0"})]
)
def test_without_the_menu_the_terminal_is_left_alone(
    options: tuple[str, ...], variables: dict[str, str], machine: Machine, directory: Path
) -> None:
    with up(machine, directory, *options, **variables) as screen:
        before = screen.settings()
        screen.expect("hello")
        assert screen.settings() == before
        screen.press("\x03")
        assert screen.wait() == 130
    assert "Enable Watch" not in screen.shown
