"""Names, signals, namespaces, status texts, ps, pruning."""

from __future__ import annotations

import pytest

from engine.containers.life.lifecycle import Status
from engine.containers.life.pruning import is_pruned
from engine.containers.making.namespaces import check_modes, modes_of
from engine.containers.names import check_name, generate_name
from engine.containers.record import ContainerRecord
from engine.containers.signals import parse_signal
from engine.containers.views.inspect import duration_text, status_text
from engine.containers.views.usage import interfaces
from engine.errors import BadRequest
from engine.wire.containers import ContainerConfig, HostConfig
from engine.wire.stats import InterfaceStats

SECOND = 1_000_000_000


def record(**fields: object) -> ContainerRecord:
    base: dict[str, object] = {
        "id": "c" * 64,
        "name": "web",
        "created_ns": 100 * SECOND,
        "image": "alpine",
        "image_id": "sha256:1",
        "config": ContainerConfig(cmd=["true"]),
        "host_config": HostConfig(),
    }
    return ContainerRecord(**{**base, **fields})  # type: ignore[arg-type] # fields by name, for short tests


@pytest.mark.parametrize(
    ("text", "number"),
    [("SIGTERM", 15), ("term", 15), ("9", 9), ("RTMIN", 34), ("SIGRTMIN+3", 37), ("rtmax-1", 63), ("SIGHUP", 1)],
)
def test_signals_have_names_and_numbers(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "SIGFOO", "RTMIN+40", "RTMAX+1", "-9"])
def test_unknown_signals_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="invalid signal"):
        parse_signal(text)


def test_names_are_generated_until_one_is_free() -> None:
    name = generate_name(lambda name: False)
    check_name(name)
    assert "_" in name
    assert generate_name(lambda name: not name[-1].isdigit())[-1].isdigit()
    assert len(generate_name(lambda _: True)) > 12


@pytest.mark.parametrize("name", ["", "a", "-x", "a b", "a/b", "ä1"])
def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="Invalid container name"):
        check_name(name)


def test_modes_say_what_is_shared_with_whom() -> None:
    modes = modes_of(HostConfig(network_mode="container:a", pid_mode="host", ipc_mode="container:b", uts_mode="host"))
    assert (modes.pid, modes.uts, modes.joined) == ("host", "host", ("a", "b"))
    assert modes_of(HostConfig(network_mode="app")).network == "private"
    with pytest.raises(BadRequest, match="invalid PID mode"):
        modes_of(HostConfig(pid_mode="mine"))


@pytest.mark.parametrize(
    ("config", "host", "words"),
    [
        (ContainerConfig(hostname="x"), HostConfig(network_mode="container:a"), "conflicting options: hostname"),
        (ContainerConfig(), HostConfig(network_mode="container:a", dns=["1.1.1.1"]), "conflicting options: dns"),
        (ContainerConfig(), HostConfig(network_mode="container:a", publish_all_ports=True), "port publishing"),
        (ContainerConfig(hostname="x"), HostConfig(uts_mode="host"), "hostname and the UTS mode"),
    ],
)
def test_modes_rule_out_some_wishes(config: ContainerConfig, host: HostConfig, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        check_modes(config, host)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (150, "2 minutes"),
        (3600, "About an hour"),
        (3 * 3600, "3 hours"),
        (47 * 3600, "47 hours"),
        (3 * 86400, "3 days"),
        (20 * 86400, "2 weeks"),
        (100 * 86400, "3 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_durations_are_as_rough_as_dockers(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Created"),
        ({"status": Status.RUNNING}, "Up 2 minutes"),
        ({"status": Status.RUNNING, "health": "healthy"}, "Up 2 minutes (healthy)"),
        ({"status": Status.RUNNING, "health": "starting"}, "Up 2 minutes (health: starting)"),
        ({"status": Status.PAUSED}, "Up 2 minutes (Paused)"),
        ({"status": Status.EXITED, "exit_code": 3}, "Exited (3) 5 seconds ago"),
        ({"status": Status.RESTARTING, "exit_code": 1}, "Restarting (1) 5 seconds ago"),
        ({"status": Status.REMOVING}, "Removal In Progress"),
        ({"status": Status.DEAD}, "Dead"),
    ],
)
def test_the_status_is_told_as_docker_tells_it(fields: dict[str, object], text: str) -> None:
    found = record(started_ns=1000 * SECOND, finished_ns=1115 * SECOND, **fields)
    assert status_text(found, 1120 * SECOND) == text


def test_pruning_takes_what_does_not_run_and_passes_the_filters() -> None:
    labelled = record(config=ContainerConfig(cmd=["true"], labels={"keep": "yes"}))
    now = 1000 * SECOND
    assert is_pruned(record(), {}, now)
    assert not is_pruned(record(status=Status.RUNNING), {}, now)
    assert not is_pruned(record(), {"label": ["keep"]}, now)
    assert is_pruned(labelled, {"label": ["keep=yes"]}, now)
    assert not is_pruned(labelled, {"label!": ["keep"]}, now)
    assert is_pruned(record(), {"until": ["10m"]}, now - 600 * SECOND)
    assert not is_pruned(record(), {"until": ["1h"]}, now - 3600 * SECOND)


def test_links_and_their_counters_are_read_without_the_loopback() -> None:
    text = (
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls\n"
        "    lo:       9       9    9    9    0     0          0         0        9       9    9    9    0     0\n"
        "  eth0:     200       2    1    3    0     0          0         0       42       1    5    6    0     0\n"
    )
    assert interfaces(text) == {
        "eth0": InterfaceStats(
            rx_bytes=200, rx_packets=2, rx_errors=1, rx_dropped=3, tx_bytes=42, tx_packets=1, tx_errors=5, tx_dropped=6
        )
    }
