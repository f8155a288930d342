"""All containers: by id and name, who uses what, and names that are being taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.containers.container import Container
from engine.containers.life.lifecycle import ACTIVE
from engine.containers.making.links import links_of
from engine.containers.record import ContainerRecord, MountRecord
from engine.errors import Conflict, EngineError, NoSuchContainer
from engine.events.bus import EventBus
from engine.images.removal import User
from engine.state.names import find
from engine.state.store import Store


class Ledger:
    """The containers of one engine."""

    def __init__(self, store: Store, events: EventBus) -> None:
        self._table = store.table("container", ContainerRecord)
        self._containers = {record.id: Container(self._table, record.id) for record in self._table}
        self._names = {record.name: record.id for record in self._table}
        self._events = events
        # Volumes by containers in the making: nobody else removes them until the record says who mounts them.
        self._wanted_volumes: dict[str, list[str]] = {}

    def get(self, name: str) -> Container:
        """The container of that name (with or without slash), id or id prefix. Raises `NoSuchContainer`, and
        `EngineError` for the id of one whose record cannot be read.

        `web/db` is the container that `web` knows as `db` by a link.
        """
        wanted = name.removeprefix("/")
        if "/" in wanted:
            return self._linked(name, *wanted.split("/", 1))
        container = self._containers.get(wanted) or self._containers.get(self._names.get(wanted, ""))
        if container is not None and self._table.get(container.id):
            return container
        record = find(self._table, wanted) if wanted else None
        if record is None:
            if unreadable := self.unreadable(wanted):
                why = self._table.unreadable[unreadable]
                raise EngineError(
                    f"the record of container {unreadable} cannot be read: {why}",
                    hint=f"remove it by force: docker rm -f {unreadable[:12]}",
                )
            raise NoSuchContainer(name)
        return self._containers[record.id]

    def _linked(self, name: str, parent: str, alias: str) -> Container:
        owner = self._names.get(parent) or parent
        links = links_of(self._containers[owner].record.host_config) if owner in self._containers else ()
        for link in links:
            if link.alias == alias:
                return self.get(link.target)
        raise NoSuchContainer(name)

    def unreadable(self, container_id: str) -> str:
        """The id that begins so of a container whose record cannot be read; "" if there is none, or several."""
        found = [each for each in self._table.unreadable if container_id and each.startswith(container_id)]
        return found[0] if len(found) == 1 else ""

    async def discard_unreadable(self, container_id: str) -> None:
        """Forget such a container."""
        await self._table.delete(container_id)

    def ids(self) -> list[str]:
        """The ids of all containers, also of those whose record cannot be read."""
        return [*(record.id for record in self._table), *self._table.unreadable]

    def __iter__(self) -> Iterator[Container]:
        return iter([self._containers[record.id] for record in self._table])

    def __contains__(self, container: Container) -> bool:
        return self._table.get(container.id) is not None

    def records(self) -> list[ContainerRecord]:
        """Every record, the oldest first."""
        return list(self._table)

    async def add(self, record: ContainerRecord) -> Container:
        """Remember a new container; its name was reserved."""
        await self._table.put(record)
        container = Container(self._table, record.id)
        self._containers[record.id] = container
        return container

    async def discard(self, container: Container) -> None:
        """Forget a container and free its name."""
        name = container.name
        await container.forget()
        del self._containers[container.id]
        if self._names.get(name) == container.id:
            del self._names[name]

    def is_taken(self, name: str) -> bool:
        """Whether a container has that name or is about to."""
        return name in self._names

    @contextmanager
    def reserve(self, name: str, container_id: str) -> Iterator[None]:
        """Hold a name; it stays taken unless the block fails. Raises `Conflict` in Docker's words."""
        if owner := self._names.get(name):
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        self._names[name] = container_id
        try:
            yield
        except BaseException:
            del self._names[name]
            raise

    def release_name(self, name: str) -> None:
        """Free a name that its container no longer has."""
        self._names.pop(name, None)

    def publish(self, container: Container, action: str, **more: str) -> None:
        """Publish a container's event with Docker's attributes."""
        self._events.publish("container", action, container.id, container.event_attributes(more))

    def publish_mounts(self, record: ContainerRecord) -> None:
        """Tell that a container has its volumes mounted."""
        for mount in record.mounts:
            if mount.kind == "volume":
                attributes = {
                    "container": record.id,
                    "destination": mount.destination,
                    "driver": "local",
                    "propagation": mount.propagation,
                    "read/write": "false" if mount.is_read_only else "true",
                }
                self._events.publish("volume", "mount", mount.name, attributes)

    def publish_unmounts(self, record: ContainerRecord) -> None:
        """Tell that it has them no more."""
        for mount in record.mounts:
            if mount.kind == "volume":
                self._events.publish("volume", "unmount", mount.name, {"container": record.id, "driver": "local"})

    @contextmanager
    def telling_of_mounts(self, record: ContainerRecord) -> Iterator[None]:
        """Tell that a container's volumes are mounted while the block lasts, as Docker does when it copies files."""
        self.publish_mounts(record)
        try:
            yield
        finally:
            self.publish_unmounts(record)

    def image_users(self, image_id: str) -> list[User]:
        """The containers that were made from an image or have it mounted."""
        return [
            User(record.id, is_running=record.status in ACTIVE)
            for record in self._table
            if record.image_id == image_id
            or any(mount.kind == "image" and mount.source == image_id for mount in record.mounts)
        ]

    def volume_users(self, volume: str) -> list[str]:
        """The ids of the containers that mount a volume, or will once they are made."""
        users = [record.id for record in self._table if any(_is_of(mount, volume) for mount in record.mounts)]
        coming = [container_id for container_id, volumes in self._wanted_volumes.items() if volume in volumes]
        return list(dict.fromkeys([*users, *coming]))

    @contextmanager
    def wanting_volumes(self, container_id: str) -> Iterator[list[str]]:
        """A list for the names of volumes that a container in the making is going to mount; they count as used while
        they are in it.
        """
        wanted = self._wanted_volumes[container_id] = []
        try:
            yield wanted
        finally:
            del self._wanted_volumes[container_id]

    def volume_holders(self, volume: str) -> list[str]:
        """The ids of the containers that may have a volume mounted now."""
        users = self.volume_users(volume)
        return [record.id for record in self._table if record.id in users and record.holds]

    @property
    def running_count(self) -> int:
        """How many containers are alive or will be soon."""
        return sum(record.status in ACTIVE for record in self._table)


def _is_of(mount: MountRecord, volume: str) -> bool:
    return mount.kind == "volume" and mount.name == volume
