"""What `docker rmi` does and refuses. Pure: says which names go, and whether the image goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import Conflict
from engine.images import names
from engine.images.feed import short
from engine.images.record import Image


@dataclass(frozen=True, slots=True)
class Removal:
    """Names to take away, in order; then the image itself if `deletes`."""

    untagged: tuple[str, ...]
    deletes: bool


def plan_removal(image: Image, wanted: str, *, force: bool, users: Sequence[str]) -> Removal:
    """Decide what removing `wanted`, by which `image` was found, means. Raises `Conflict` in Docker's words.

    By a name: the name goes, and with the last name the image. By id: every name and the image go, but names in
    several repositories, or containers (`users`), need force.
    """
    if names.is_id(image, wanted):
        return _by_id(image, wanted, force=force, users=users)
    reference = names.parse(wanted)
    assert reference is not None  # otherwise it is an id
    name = f"{reference.familiar_name}@{reference.digest}" if reference.digest else reference.familiar
    rest = names.unnamed(image, name)
    gone = tuple(n for n in (*image.repo_tags, *image.repo_digests) if n not in (*rest.repo_tags, *rest.repo_digests))
    if rest.repo_tags or rest.repo_digests:
        return Removal(gone, deletes=False)
    if users and not force:
        raise Conflict(
            f'conflict: unable to remove repository reference "{wanted}" (must force) - '
            f"container {users[0][:12]} is using its referenced image {short(image.id)}"
        )
    return Removal(gone, deletes=not users)


def _by_id(image: Image, wanted: str, *, force: bool, users: Sequence[str]) -> Removal:
    if not force and len(names.repositories(image)) > 1:
        raise Conflict(
            f"conflict: unable to delete {short(image.id)} (must be forced) - "
            "image is referenced in multiple repositories"
        )
    if users and not force:
        raise Conflict(
            f"conflict: unable to delete {short(image.id)} (must be forced) - "
            f"image is being used by container {users[0][:12]}",
            hint="remove the container first, or use force",
        )
    del wanted
    return Removal((*image.repo_tags, *image.repo_digests), deletes=True)
