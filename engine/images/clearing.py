"""Removing images (`docker rmi`, `docker image prune`), and from the disk what only they needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from engine.errors import Conflict, NoSuchImage
from engine.events.bus import EventBus
from engine.images import names
from engine.images.inventory import Inventory
from engine.images.record import Image
from engine.images.removal import Removal, User, plan_removal
from engine.wire.images import ImageDeleteItem

UsedBy = Callable[[str], Sequence[User]]
"""The containers that use the image with an id."""


class Cleared(Struct):
    """What was done, and the bytes that it freed."""

    items: list[ImageDeleteItem] = field(default_factory=list)
    freed_bytes: int = 0


class Clearer:
    """Takes images out of the inventory."""

    def __init__(self, inventory: Inventory, events: EventBus) -> None:
        self._inventory = inventory
        self._events = events

    async def remove(self, wanted: str, *, force: bool, used_by: UsedBy, with_parents: bool = True) -> Cleared:
        """Take a name away, and with the last one the image; by id, the image with all its names.

        `with_parents` then also removes the images it was made from, as far as they have no name, no other child and
        no container. Raises `NoSuchImage`, `Conflict`.
        """
        cleared = Cleared()
        async with self._inventory.lock:
            image = names.find(self._inventory.images, wanted)
            removal = self._plan(image, wanted, force=force, used_by=used_by)
            await self._carry_out(image, removal, cleared)
            while with_parents and removal.deletes and (parent := self._inventory.images.get(image.parent)):
                if parent.repo_tags or parent.repo_digests:
                    break
                try:
                    removal = self._plan(parent, parent.id, force=False, used_by=used_by)
                except Conflict:
                    break  # somebody else needs it
                await self._carry_out(parent, removal, cleared)
                image = parent
        return cleared

    async def prune(self, *, only_dangling: bool, used_by: UsedBy, spares: Callable[[Image], bool]) -> Cleared:
        """Remove images that no container uses and no other image was made from (by default only those without a
        tag), but for those that `spares` says; then layers and blobs that nobody needs.
        """
        cleared = Cleared()
        for image in list(self._inventory.images):
            if (only_dangling and image.repo_tags) or used_by(image.id) or spares(image):
                continue
            if self._children(image) and not (image.repo_tags or image.repo_digests):
                continue
            for name in (*image.repo_tags, *image.repo_digests) or (image.id,):
                await self._prune_name(name, used_by, cleared)
        async with self._inventory.lock:
            inventory = self._inventory
            gone, freed = await inventory.free(inventory.layers.chain_ids(), inventory.content.digests())
        cleared.items += [ImageDeleteItem(deleted=chain_id) for chain_id in gone]
        cleared.freed_bytes += freed
        self._events.publish("image", "prune", "", {"reclaimed": str(cleared.freed_bytes)})
        return cleared

    async def _prune_name(self, name: str, used_by: UsedBy, cleared: Cleared) -> None:
        try:
            done = await self.remove(name, force=False, used_by=used_by)
        except (Conflict, NoSuchImage):
            return  # needed since a moment ago, or gone with another
        cleared.items += done.items
        cleared.freed_bytes += done.freed_bytes

    def _plan(self, image: Image, wanted: str, *, force: bool, used_by: UsedBy) -> Removal:
        return plan_removal(
            image, wanted, force=force, users=used_by(image.id), has_children=bool(self._children(image))
        )

    def _children(self, image: Image) -> list[str]:
        return [other.id for other in self._inventory.images if other.parent == image.id]

    async def _carry_out(self, image: Image, removal: Removal, cleared: Cleared) -> None:
        cleared.items += [ImageDeleteItem(untagged=name) for name in removal.untagged]
        rest = image
        for name in removal.untagged:
            rest = names.unnamed(rest, name)
        if removal.deletes:
            await self._inventory.images.delete(image.id)
            gone, freed = await self._inventory.free(reversed(image.chain_ids), image.content)
            cleared.items += [ImageDeleteItem(deleted=digest) for digest in (image.id, *gone)]
            cleared.freed_bytes += freed
        else:
            await self._inventory.images.put(rest)
        for _ in range(removal.untag_events):
            self._events.publish("image", "untag", image.id, image.event_attributes(image.id))
        if removal.deletes:
            self._events.publish("image", "delete", image.id, {"name": image.id})
