"""What an engine has mounted for its files of this boot: the same after it was killed, nothing when all is over."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.kernel import NOTHING
from tests.e2e.machine import ROOT, Machine, pycompose_command

pytestmark = [pytest.mark.root, pytest.mark.net]


def test_files_of_this_boot_stay_with_containers_and_go_with_the_last_engine(fresh_machine: Machine) -> None:
    fresh_machine.start_engine()
    of_engine = fresh_machine.kernel().mounts
    fresh_machine.docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    with_container = fresh_machine.kernel().mounts

    for how in (signal.SIGKILL, signal.SIGTERM):
        fresh_machine.end_engine(how)
        assert fresh_machine.kernel().mounts == with_container
        fresh_machine.start_engine()
        assert fresh_machine.kernel().mounts == with_container
        assert fresh_machine.docker("exec", "web", "echo", "here").stdout == "here\n"

    fresh_machine.docker("rm", "-f", "web")
    assert fresh_machine.kernel().mounts == of_engine
    fresh_machine.end_engine(signal.SIGKILL)
    assert fresh_machine.kernel().mounts == of_engine
    fresh_machine.start_engine()
    assert fresh_machine.kernel().mounts == of_engine
    fresh_machine.end_engine(signal.SIGTERM)
    assert fresh_machine.kernel().mounts == ()


def test_a_container_whose_files_are_on_the_disk_is_kept_until_it_goes(fresh_machine: Machine) -> None:
    paths = fresh_machine.paths
    for used in (paths.runtime / "earlier" / "exit", paths.namespaces / "earlier"):  # as an earlier engine left them
        used.parent.mkdir(parents=True)
        used.touch()
    fresh_machine.start_engine()
    fresh_machine.docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    on_disk = fresh_machine.kernel().mounts
    assert not {str(place) for place in paths.volatile} & set(on_disk)

    fresh_machine.end_engine(signal.SIGKILL)
    fresh_machine.start_engine()
    assert fresh_machine.kernel().mounts == on_disk
    assert fresh_machine.docker("exec", "web", "echo", "here").stdout == "here\n"
    fresh_machine.docker("rm", "-f", "web")
    assert fresh_machine.kernel().mounts == ()


def test_a_purge_takes_them_along_after_an_engine_that_was_killed(fresh_machine: Machine) -> None:
    fresh_machine.start_engine()
    fresh_machine.docker("run", "-d", "--name", "web", "busybox", "sleep", "600")
    fresh_machine.end_engine(signal.SIGKILL)
    fresh_machine.run([*pycompose_command(), "engine-daemon", "uninstall", "--purge", "--yes"], cwd=ROOT)
    assert fresh_machine.kernel() == NOTHING
    assert not fresh_machine.paths.run.exists()
