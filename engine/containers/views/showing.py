"""Looking at containers: one of them in full, or those that pass a filter."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec import structs

from engine.containers.container import Container
from engine.containers.drivers import Drivers
from engine.containers.ledger import Ledger
from engine.containers.life.connecting import Connector
from engine.containers.life.launching import Launcher
from engine.containers.making.links import second_names, shown_links
from engine.containers.streams.exec import Execs
from engine.containers.views import filters as listing
from engine.containers.views import inspect as view
from engine.errors import BadRequest, NotFound
from engine.runtime.facts import host_facts
from engine.wire.containers import ContainerInspect
from engine.wire.summaries import ContainerSummary


class Views:
    """Gathers what `engine.containers.views.inspect` shows."""

    def __init__(
        self, drivers: Drivers, ledger: Ledger, launcher: Launcher, connector: Connector, execs: Execs
    ) -> None:
        self._drivers = drivers
        self._ledger = ledger
        self._launcher = launcher
        self._connector = connector
        self._execs = execs

    def inspect(self, container: Container) -> ContainerInspect:
        """Everything about a container."""
        try:
            below = self._drivers.snapshots.below(container.id)
        except NotFound:
            below = []  # a power cut took it along, or it is being removed
        names = {one.id: one.name for one in self._ledger.records()} if container.record.host_config.links else {}
        named = shown_links(container.record, names)
        return view.inspection(container.record, structs.replace(self._now(container), below=below, links=named))

    def summaries(
        self, *, everything: bool, limit: int, filters: Mapping[str, Sequence[str]]
    ) -> list[ContainerSummary]:
        """The containers that pass the filters, the newest first; `limit` 0 is none and counts stopped ones, too."""
        world = listing.World(
            container=lambda name: self._ledger.get(name).record,
            image_ids=self._image_ids,
            network_names=self.network_names,
            ports=lambda record: view.port_list(record, self._drivers.networks.sandbox(record.id)),
        )
        listing.check(filters, world)
        shows_all = everything or limit > 0 or listing.shows_stopped(filters)
        chosen = [
            container
            for container in reversed(list(self._ledger))
            if (shows_all or container.is_active) and listing.matches(container.record, filters, world)
        ]
        names = second_names(self._ledger.records())
        return [
            view.summary(one.record, structs.replace(self._now(one), second_names=names.get(one.id, ())))
            for one in (chosen[:limit] if limit > 0 else chosen)
        ]

    def network_names(self, name: str) -> frozenset[str]:
        """The name and the id of a network, by either; a network that has gone is known by what it was called."""
        try:
            record = self._drivers.networks.get(name)
        except NotFound:
            return frozenset({name})
        return frozenset({record.name, record.id})

    def _now(self, container: Container) -> view.Now:
        return view.Now(
            time_ns=time.time_ns(),
            home=self._launcher.home(container.id),
            volumes=self._drivers.paths.volumes,
            condition=container.condition,
            sandbox=self._drivers.networks.sandbox(container.id),
            network_ids=self._connector.network_ids(container),
            exec_ids=self._execs.ids_of(container.id),
            has_apparmor=host_facts().has_apparmor,
        )

    def _image_ids(self, name: str) -> frozenset[str]:
        """The ids of an image and of all that were made from it here; none for an unknown image."""
        try:
            latest = {self._drivers.images.get(name).id}
        except (NotFound, BadRequest):  # what is no name is no image's
            return frozenset()
        found: set[str] = set()
        while latest:
            found |= latest
            latest = {image.id for image in self._drivers.images.all() if image.parent in latest} - found
        return frozenset(found)
