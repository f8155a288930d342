"""Which containers a listing shows: the filters of `GET /containers/json`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from engine.containers.life.lifecycle import ACTIVE, Status
from engine.containers.record import ContainerRecord
from engine.errors import BadRequest, as_failure
from engine.wire.filters import filter_flag, matches_labels, matches_text
from engine.wire.summaries import PortSummary

_KNOWN: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "status": ("state", ("created", "running", "paused", "restarting", "removing", "exited", "dead")),
    "health": ("health", ("none", "starting", "healthy", "unhealthy")),
}
_LAST_PORT: Final = 65535


class World(Struct, frozen=True):
    """Look-ups that some filters need; each raises `NotFound` for an unknown name."""

    container: Callable[[str], ContainerRecord]
    image_ids: Callable[[str], frozenset[str]]
    network_names: Callable[[str], frozenset[str]]
    ports: Callable[[ContainerRecord], Sequence[PortSummary]]


Test = Callable[[ContainerRecord, Sequence[str], World], bool]


def matches(record: ContainerRecord, filters: Mapping[str, Sequence[str]], world: World) -> bool:
    """Whether a container passes every filter. Raises `BadRequest` for an unknown filter or value."""
    return all(_TESTS[name](record, values, world) for name, values in filters.items() if values)


def check(filters: Mapping[str, Sequence[str]], world: World) -> None:
    """Raise `BadRequest` for filters that no listing knows, `NotFound` for containers to compare with that there are
    not: even if there is nothing to list.
    """
    for name, values in filters.items():
        if name not in _TESTS:
            raise BadRequest(f"invalid filter '{name}'")
        kind, known = _KNOWN.get(name, ("", ()))
        for value in values:
            if known and value not in known:
                must = f"invalid value for {kind} ({value}): must be one of {', '.join(known)}"
                raise BadRequest(f"invalid filter '{name}={value}': {must}")
    if "is-task" in filters:
        filter_flag({"is-task": tuple(filters["is-task"])}, "is-task")
    _exit_codes(filters.get("exited", ()))
    for value in (*filters.get("publish", ()), *filters.get("expose", ())):
        _ports(value)
    for value in (*filters.get("before", ()), *filters.get("since", ())):
        world.container(value)


def shows_stopped(filters: Mapping[str, Sequence[str]]) -> bool:
    """Whether the filters ask for containers that do not run, even without `all`."""
    return bool(filters.get("status"))


def is_active(record: ContainerRecord) -> bool:
    """Whether a plain listing shows the container."""
    return record.status in ACTIVE


def _by_name(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    wanted = [value.replace("^/", "^", 1).removeprefix("/") for value in values]
    return matches_text(record.name, wanted)


def _by_id(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    return any(record.id.startswith(value) for value in values)


def _by_label(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    return matches_labels(record.config.labels, values)


def _by_status(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    return record.status.value in values


def _by_health(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    return (record.health or "none") in values


def _by_exit_code(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    return record.status is Status.EXITED and record.exit_code in _exit_codes(values)


def _exit_codes(values: Sequence[str]) -> list[int]:
    try:
        return [int(value) for value in values]
    except ValueError as exc:
        raise BadRequest(f"invalid filter 'exited={values[0]}'", hint="use exit codes") from exc


def _by_ancestor(record: ContainerRecord, values: Sequence[str], world: World) -> bool:
    return any(record.image_id in world.image_ids(value) or record.image == value for value in values)


def _by_network(record: ContainerRecord, values: Sequence[str], world: World) -> bool:
    names = set(record.networks) or {record.host_config.network_mode}
    return any(names & world.network_names(value) for value in values)


def _by_volume(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    found = {part for mount in record.mounts for part in (mount.name, mount.source, mount.destination) if part}
    return any(value in found for value in values)


def _created_before(record: ContainerRecord, values: Sequence[str], world: World) -> bool:
    return all(record.created_ns < world.container(value).created_ns for value in values)


def _created_since(record: ContainerRecord, values: Sequence[str], world: World) -> bool:
    return all(record.created_ns > world.container(value).created_ns for value in values)


def _by_exposed(record: ContainerRecord, values: Sequence[str], world: World) -> bool:
    return _has_port({f"{port.private_port}/{port.type}" for port in world.ports(record)}, values)


def _by_published(record: ContainerRecord, values: Sequence[str], world: World) -> bool:
    return _has_port({f"{port.public_port}/{port.type}" for port in world.ports(record)}, values)


def _by_isolation(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    return True  # Linux has one kind only


def _has_port(have: Collection[str], values: Sequence[str]) -> bool:
    return any(port in have for value in values for port in _ports(value))


def _ports(value: str) -> list[str]:
    numbers, _, kind = value.partition("/")
    first, _, last = numbers.partition("-")
    try:
        span = range(int(first), int(last or first) + 1)
    except ValueError:
        span = range(0)
    if not span or span[0] < 0 or span[-1] > _LAST_PORT:
        with as_failure():
            raise BadRequest(f"invalid port filter '{value}'", hint="use 80, 80/udp or 8000-8010/tcp")
    return [f"{number}/{kind or 'tcp'}" for number in span]


def _is_task(record: ContainerRecord, values: Sequence[str], _: World) -> bool:
    return filter_flag({"is-task": tuple(values)}, "is-task") is not True


_TESTS: Final[Mapping[str, Test]] = {
    "name": _by_name,
    "id": _by_id,
    "label": _by_label,
    "status": _by_status,
    "health": _by_health,
    "exited": _by_exit_code,
    "ancestor": _by_ancestor,
    "network": _by_network,
    "volume": _by_volume,
    "before": _created_before,
    "since": _created_since,
    "expose": _by_exposed,
    "publish": _by_published,
    "is-task": _is_task,
    "isolation": _by_isolation,
}
