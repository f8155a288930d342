"""Logs of real containers, read by the real docker command line."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.e2e.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.net]

LINES = 200_000
NUMBERS = "".join(f"{number}\n" for number in range(1_000_000, 1_000_000 + LINES))


def run(machine: Machine, name: str, *words: str) -> None:
    machine.docker("run", "--name", name, *words, succeeds=False)


def test_a_follower_sees_every_line_once_though_the_log_is_rotated_meanwhile(machine: Machine) -> None:
    rotation = ("--log-opt", "max-size=500k", "--log-opt", "max-file=3", "--log-opt", "compress=true")
    script = f"echo ready; read go; seq 1000000 {1_000_000 + LINES - 1}"
    machine.docker("create", "-i", "--name", "counter", *rotation, "busybox", "sh", "-c", script)
    machine.docker("start", "counter")
    command = [machine.docker_program, "--host", machine.address, "logs", "-f", "counter"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "ready\n"  # it follows before there is anything to miss
        machine.docker("attach", "counter", stdin="\n")
        seen, _ = follower.communicate(timeout=60)
    assert seen == NUMBERS
    left = machine.docker("logs", "counter").stdout
    assert left
    assert NUMBERS.endswith(left)
    assert machine.docker("logs", "-n", "7", "counter").stdout == NUMBERS[-7 * 8 :]


def test_bytes_come_back_as_they_were_written(machine: Machine) -> None:
    machine.docker("run", "-d", "--name", "bytes", "busybox", "sh", "-c", r"printf '\377\000x\r\n\n\nend'")
    machine.docker("wait", "bytes")
    command = [machine.docker_program, "--host", machine.address, "logs", "bytes"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"\xff\0x\r\n\n\nend"


def test_details_are_what_the_options_choose(machine: Machine) -> None:
    options = ("labels=role", "env=MODE", "tag={{.Name}}")
    words = [word for option in options for word in ("--log-opt", option)]
    run(machine, "detailed", *words, "-e", "MODE=a b", "--label", "role=x", "busybox", "echo", "hi")
    assert machine.docker("logs", "--details", "detailed").stdout == "MODE=a+b,role=x,tag=detailed hi\n"
    run(machine, "plain", "busybox", "echo", "hi")
    assert machine.docker("logs", "--details", "plain").stdout == " hi\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--log-driver", "fax"), "logger: no log driver named 'fax' is registered\n"),
        (("--log-driver", "syslog"), "the log driver syslog is not supported"),
        (("--log-opt", "max-size=big"), "invalid size: 'big'"),
    ],
)
def test_a_wish_that_cannot_be_honoured_is_refused(machine: Machine, words: tuple[str, ...], complaint: str) -> None:
    done = machine.docker("create", *words, "busybox", succeeds=False)
    assert done.returncode == 1
    assert complaint in done.stderr


def test_no_line_is_lost_though_the_engine_is_killed_while_the_log_is_rotated(fresh_machine: Machine) -> None:
    machine = fresh_machine
    machine.start_engine()
    script = "i=100000; while [ $i -lt 130000 ]; do echo $i; i=$((i+1)); [ $((i % 100)) = 0 ] && usleep 10000; done"
    rotation = ("--log-opt", "max-size=100k", "--log-opt", "max-file=50")
    machine.docker("run", "-d", "--name", "counter", *rotation, "busybox", "sh", "-c", script)
    # Long enough for several rotations.
    command = [machine.docker_program, "--host", machine.address, "logs", "-f", "counter"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        for _ in range(8_000):
            follower.stdout.readline()
        machine.end_engine(signal.SIGKILL)
    machine.start_engine()
    machine.docker("wait", "counter")
    assert machine.docker("logs", "counter").stdout == "".join(f"{number}\n" for number in range(100_000, 130_000))
