"""The containers that a container links to (`engine.containers.making.links`), as they are now."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.making import links
from engine.containers.record import ContainerRecord
from engine.errors import EngineError, NoSuchContainer
from engine.network.records import DEFAULT_NETWORK


class Linked(Struct, frozen=True):
    """What a container gets of its links: more names for its hosts file, with addresses, and variables."""

    addresses: dict[str, str]
    variables: tuple[str, ...]


def linked(ledger: Ledger, drivers: Drivers, record: ContainerRecord, *, is_starting: bool = False) -> Linked:
    """What a container's links give it. Of one that `is_starting` all have to be there: raises `EngineError`."""
    addresses: dict[str, str] = {}
    variables: list[str] = []
    for link, other, address in _running(ledger, drivers, record, is_starting=is_starting):
        addresses.update(dict.fromkeys(links.host_names(link, other), address))
        variables += links.variables(link, record.name, other, address)
    return Linked(addresses, tuple(variables))


def _running(
    ledger: Ledger, drivers: Drivers, record: ContainerRecord, *, is_starting: bool
) -> Iterator[tuple[links.Link, ContainerRecord, str]]:
    for link in links.links_of(record.host_config):
        try:
            other = ledger.get(link.target).record
        except NoSuchContainer:
            other = None
        sandbox = drivers.networks.sandbox(other.id) if other else None
        if other and sandbox and DEFAULT_NETWORK in sandbox.networks:
            yield link, other, sandbox.networks[DEFAULT_NETWORK].ip_address
        elif is_starting:
            name = other.name if other else link.target[:12]
            raise EngineError(f"Cannot link to a non running container: /{name} AS /{record.name}/{link.alias}")
