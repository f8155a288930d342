"""Which containers have to run again before others can, when an engine starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from engine.containers.making.links import links_of
from engine.containers.making.namespaces import modes_of
from engine.containers.record import ContainerRecord


def needs(records: Sequence[ContainerRecord]) -> Mapping[str, frozenset[str]]:
    """Of each, by id, the others whose namespaces it shares or which it links to. In a circle nobody needs anybody."""
    ids = {record.name: record.id for record in records} | {record.id: record.id for record in records}
    found = {
        record.id: frozenset(ids[other] for other in _others(record) if other in ids) - {record.id}
        for record in records
    }
    try:
        TopologicalSorter(found).prepare()
    except CycleError:
        return dict.fromkeys(found, frozenset())
    return found


def _others(record: ContainerRecord) -> Iterable[str]:
    """Ids, or names of containers that were not there yet when they were named."""
    yield from modes_of(record.host_config).joined
    for link in links_of(record.host_config):
        yield link.target
